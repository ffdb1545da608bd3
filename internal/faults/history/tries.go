package history

// triesSince tells how many tries a delivery has in the end, as far as clients know: at least, and at most but for what
// was claimed by claims whose answers are unknown.
func (d *deliveries) triesSince(x *index, reports []*report) (least, most int) {
	reported := make(map[string]bool, len(reports))
	for _, r := range reports {
		// A failed report is one try: its claim's, when that counts, else its own.
		if r.rows[0].Status == failed {
			reported[r.id] = true
			least, most = least+1, most+1
		}
	}
	for _, l := range d.leases {
		if reported[l.ExecutionID] {
			continue
		}
		after, before := true, false
		if d.final != nil && d.final.RequeuedAt != nil {
			at := x.since(*d.final.RequeuedAt)
			after, before = l.claim.Call > at, l.claim.Return < at-ahead
		}
		released := anyOf(l.releases, func(o *Operation) bool { return o.Outcome == Done })
		mayBeReleased := anyOf(l.releases, (*Operation).mayHaveDone)
		if after && !mayBeReleased {
			least++
		}
		if !before && !released {
			most++
		}
	}
	return least, most
}
