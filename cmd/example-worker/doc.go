// Command example-worker delivers documents, as an example of a worker on the generated Go client. It goes round
// this loop:
//
//	claim ──> write ──> report        several at a time, each under a lease of its own
//	  ^         │ slow: extend
//	  └─────────┘ told to stop before it began: release
//
// Claim: POST /v1/delivery/claims leases what is due; no other worker gets it meanwhile. A claim whose answer was
// lost runs out, at the cost of a try, so it asks for few at a time.
//
// Write: the destination gets the delivery_key as its idempotency key. The key stays the same until somebody
// requeues the delivery, so whoever writes after this worker died between writing and reporting writes nothing
// twice. What a destination has to do for that is in destination.go; that file is the one to replace.
//
// Report: under the claim's execution_id, which settles the lease. The report is made once, attempted_at
// included, and sent again, as it is, on any doubt: a lost connection, no answer in time, 429, 5xx. 201 means
// recorded and 200 that it had been already. Any other answer is final: resending would not change it.
//
// Extend: while the destination is slow, each third of the lease. When the server says that the claim is over,
// somebody else may have the delivery, and this worker stops working on it. An outcome that is known is reported
// all the same: a late report is recorded, and tells the truth.
//
// Release: on SIGTERM, what was claimed and has not begun goes back, and is due at once. What has begun is finished.
// A worker that is killed needs none of this: its leases run out.
package main
