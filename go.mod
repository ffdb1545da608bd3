module github.com/numora/delivery

go 1.26.0

require (
	github.com/XSAM/otelsql v0.44.0 // a span for each statement, on both databases
	github.com/alecthomas/kong v1.17.0 // command line and environment: flags, defaults, help
	github.com/anishathalye/porcupine v1.3.1 // tools only: looks in the history of a run under faults for an order that makes every answer right
	github.com/chromedp/cdproto v0.159.0 // tests only: what chromedp's calls speak of
	github.com/chromedp/chromedp v0.23.0 // tests only: drives Chromium through the documentation pages
	github.com/fergusstrange/embedded-postgres v1.34.0 // tests only: downloads a PostgreSQL where none is installed
	github.com/getkin/kin-openapi v0.153.0 // reads the contract, and validates requests and the tests' answers against it
	github.com/go-json-experiment/json v1.27.2 // the JSON decoder that refuses members named twice and says where the error is
	github.com/gofrs/flock v0.13.2 // one server, and one migration at a time, on a SQLite file
	github.com/jackc/pgx/v5 v5.13.0 // the PostgreSQL driver and its pool
	github.com/labstack/echo/v4 v4.16.5 // the HTTP router that the generated server stubs are for
	github.com/oapi-codegen/oapi-codegen/v2 v2.8.2 // tools only: generates gen/ from the contract
	github.com/oapi-codegen/runtime v1.8.0 // what the generated code calls to bind parameters
	github.com/oasdiff/oasdiff v1.36.0 // tests only: says what a changed contract breaks for its clients
	github.com/pressly/goose/v3 v3.29.0 // migrations of both databases
	github.com/prometheus/client_golang v1.25.0 // counts, and writes them at /metrics
	github.com/swaggest/swgui v1.8.5 // Swagger UI's files, embedded, for /docs/
	go.opentelemetry.io/otel v1.47.0 // attributes and context of traces
	go.opentelemetry.io/otel/exporters/otlp/otlptrace v1.47.0 // sends spans to a collector
	go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc v1.47.0 // its way over gRPC
	go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp v1.47.0 // its way over HTTP
	go.opentelemetry.io/otel/sdk v1.47.0 // samples and batches spans
	go.opentelemetry.io/otel/trace v1.47.0 // the spans themselves
	go.opentelemetry.io/proto/otlp v1.11.0 // reads in tests what a collector is sent; otlptrace writes it
	go.uber.org/goleak v1.3.0 // tests only: nothing runs on after the server stopped
	golang.org/x/mod v0.42.0 // the Merkle tree of the audit history and its signed checkpoints (sumdb); compares the contract's versions in tests
	golang.org/x/net v0.62.0 // the limit of open connections (netutil)
	golang.org/x/sync v0.24.0 // errgroup: what serves runs, and ends, together
	golang.org/x/time v0.16.0 // the token buckets of the rate limits
	google.golang.org/grpc v1.84.0 // plays a collector in tests; what otlptracegrpc speaks
	google.golang.org/protobuf v1.36.12 // decodes in tests what a collector is sent; otlptrace encodes it
	gorm.io/driver/postgres v1.6.3 // GORM's dialect of PostgreSQL
	gorm.io/driver/sqlite v1.6.0 // GORM's dialect of SQLite; the driver under it is modernc.org/sqlite
	gorm.io/gorm v1.31.2 // queries and models of the store, once for both databases
	honnef.co/go/tools v0.8.2 // tools only: staticcheck
	modernc.org/sqlite v1.62.0 // the SQLite driver, in pure Go
	pgregory.net/rapid v1.3.0 // tests only: makes up orders of calls, and shortens those that fail
)

require (
	cloud.google.com/go v0.123.0 // indirect
	github.com/BurntSushi/toml v1.4.1-0.20240526193622-a339e1f7089c // indirect
	github.com/TwiN/go-color v1.4.1 // indirect
	github.com/apapsch/go-jsonmerge/v2 v2.0.0 // indirect
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cenkalti/backoff/v5 v5.0.3 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dprotaso/go-yit v0.0.0-20220510233725-9ba8df137936 // indirect
	github.com/dustin/go-humanize v1.1.0 // indirect
	github.com/go-logr/logr v1.4.4 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/go-openapi/jsonpointer v1.0.2 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/grpc-ecosystem/grpc-gateway/v2 v2.30.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	github.com/jinzhu/inflection v1.0.0 // indirect
	github.com/jinzhu/now v1.1.5 // indirect
	github.com/labstack/gommon v0.5.0 // indirect
	github.com/lib/pq v1.10.9 // indirect
	github.com/mattn/go-colorable v0.1.15 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/mattn/go-sqlite3 v1.14.53 // indirect
	github.com/mfridman/interpolate v0.0.2 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/ncruces/go-strftime v1.1.0 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3 // indirect
	github.com/sethvargo/go-retry v0.5.0 // indirect
	github.com/speakeasy-api/jsonpath v0.6.3 // indirect
	github.com/speakeasy-api/openapi v1.24.0 // indirect
	github.com/tidwall/gjson v1.20.0 // indirect
	github.com/tidwall/match v1.2.0 // indirect
	github.com/tidwall/pretty v1.2.2 // indirect
	github.com/tidwall/sjson v1.2.5 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	github.com/valyala/fasttemplate v1.2.2 // indirect
	github.com/vmware-labs/yaml-jsonpath v0.3.2 // indirect
	github.com/wI2L/jsondiff v0.7.1 // indirect
	github.com/xi2/xz v0.0.0-20171230120015-48954b6210f8 // indirect
	github.com/yargevad/filepathx v1.0.0 // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel/log v1.47.0 // indirect
	go.opentelemetry.io/otel/metric v1.47.0 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	go.yaml.in/yaml/v4 v4.0.0 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/exp/typeparams v0.0.0-20231108232855-2478ac86f678 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	golang.org/x/tools v0.52.0 // indirect
	google.golang.org/genproto/googleapis/api v0.0.0-20261005182115-fad411399dd8 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261005182115-fad411399dd8 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
	modernc.org/libc v1.80.1 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
)
