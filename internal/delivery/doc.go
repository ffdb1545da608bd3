// Package delivery is the domain: what a delivery report is, when two reports are the same, what a
// delivery's state and a document's push status follow from, and what a store must promise.
//
// # Words
//
// A *delivery report* is what a worker sends. A *delivery attempt* is the stored, immutable record of it.
// A *delivery* is the obligation to bring one document to one provider; an attempt is one try. An
// *execution id* names one attempt across everything; the same id with the same data is a *replay*, with
// other data a *conflict*. The *outbox* holds the deliveries that are *due*; a *claim* hands one of them to a
// worker for as long as its *lease* is open; a *requeue* starts a delivery anew. A *checkpoint* is what was
// signed of the audit history, which is all attempts and audit entries.
//
// # State of a delivery
//
// [Standing] holds what the recorded facts of one delivery come to, since its last requeue. Its
// [Standing.State] is, first match:
//
//	pending    a lease is open
//	succeeded  the latest attempt succeeded
//	skipped    the latest attempt was skipped
//	exhausted  the tries of its retry policy are used up
//	failed     the latest attempt failed
//	ready      there is no attempt
//
// The latest attempt is the one with the greatest min(attempted at, recorded at); among equals the one
// recorded last. So a late report of an older try never hides a newer outcome, and a worker whose clock
// runs ahead cannot pin the state.
//
// # When a delivery is due
//
// A delivery is offered while its document is reviewed and it is not retired. It is due as soon as it is offered
// or requeued; after a failed report, or a lease that ran out, the backoff of its [RetryPolicy] later, counted from
// when the report was recorded or the lease ended. It is not due while a lease is open, when it is exhausted, and,
// until it is requeued, once any attempt succeeded or was skipped, whatever is reported later.
//
// Tries are claims that were not released, and failed reports under ids that no such claim handed out; all of it
// since the last requeue. So a delivery that kills its workers ends exhausted, not in a loop.
//
// # Push status of a document
//
// [PushStatus] is, first match (retired deliveries never count):
//
//	processing, review_required, failed   the document stands there, before review
//	reviewed         no delivery was ever claimed, attempted or requeued
//	push_pending     any delivery is pending
//	push_failed      any is failed or exhausted
//	push_succeeded   all are succeeded or skipped
//	push_pending     otherwise: something is still, or again, to be delivered
//
// Pending comes before failed, so that whoever polls until the status leaves push_pending sees the
// settled result. Both are pure functions of recorded facts and the present instant.
package delivery
