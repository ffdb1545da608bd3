package httpapi

import (
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// RateLimits bound how many requests there may be a minute, and at once after a minute without any. Each server counts by
// itself.
type RateLimits struct {
	Key     int // of one key; at least 1
	Address int // from one address without a valid key; at least 1
}

// maxBuckets is how many buckets there are at most: of addresses an attacker has as many as he likes.
const maxBuckets = 1 << 16

// buckets are token buckets by name. One that is full is as good as none, and may be dropped.
type buckets struct {
	perMinute int
	limit     []string // perMinute as a header has it
	now       func() time.Time

	mu    sync.Mutex
	each  map[string]*rate.Limiter
	rest  *rate.Limiter // of all that there is no room for
	swept time.Time
}

func newBuckets(perMinute int, now func() time.Time) *buckets {
	b := &buckets{perMinute: perMinute, limit: []string{strconv.Itoa(perMinute)}, now: now, each: make(map[string]*rate.Limiter)}
	b.rest = b.full()
	return b
}

func (b *buckets) full() *rate.Limiter {
	return rate.NewLimiter(rate.Limit(b.perMinute)/rate.Limit(time.Minute/time.Second), b.perMinute)
}

// level is what stands in a bucket after a request has asked it for a token.
type level struct {
	limit      []string
	remaining  int
	reset      int // seconds until it is full
	retryAfter int // seconds until there is a token again, at least 1; 0 when the request has got one
}

// take takes a token from the bucket of this name, if there is one.
func (b *buckets) take(name string) level {
	now := b.now()
	bucket := b.bucket(name, now)
	allowed := bucket.AllowN(now, 1)
	tokens := math.Max(0, bucket.TokensAt(now)) // others may have taken some meanwhile
	l := level{limit: b.limit, remaining: int(tokens), reset: b.seconds(float64(b.perMinute) - tokens)}
	if !allowed {
		l.retryAfter = max(1, b.seconds(1-tokens))
	}
	return l
}

// tell writes the level into an answer's header.
func (l level) tell(header http.Header) {
	header["X-Rate-Limit-Limit"] = l.limit
	header["X-Rate-Limit-Remaining"] = []string{strconv.Itoa(l.remaining)}
	header["X-Rate-Limit-Reset"] = []string{strconv.Itoa(l.reset)}
}

// seconds is how long it takes until there are so many more tokens.
func (b *buckets) seconds(tokens float64) int {
	return int(math.Ceil(tokens / float64(b.perMinute) * time.Minute.Seconds()))
}

func (b *buckets) bucket(name string, now time.Time) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bucket, known := b.each[name]; known {
		return bucket
	}
	if len(b.each) >= maxBuckets && now.Sub(b.swept) >= time.Second {
		b.swept = now
		for other, bucket := range b.each {
			if bucket.TokensAt(now) >= float64(b.perMinute) {
				delete(b.each, other)
			}
		}
	}
	if len(b.each) >= maxBuckets {
		return b.rest
	}
	bucket := b.full()
	b.each[name] = bucket
	return bucket
}

// neighbourhood is what an address is limited with: itself or, of IPv6, the network that one customer has.
func neighbourhood(client string) string {
	address, err := netip.ParseAddr(client)
	if err != nil || address.Unmap().Is4() {
		return client
	}
	const customer = 64 // bits
	network, err := address.WithZone("").Prefix(customer)
	if err != nil {
		return client
	}
	return network.String()
}
