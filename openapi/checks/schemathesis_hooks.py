"""What a schema cannot say, for the fuzzer: which values are well-formed and all the same refused."""

import datetime
import hashlib
import json
import os
import urllib.parse

import schemathesis
from schemathesis.core.media_types import YAML_MEDIA_TYPES
from schemathesis.openapi.checks import RejectedPositiveData


@schemathesis.deserializer(*YAML_MEDIA_TYPES)
def yaml_is_text(context, response):
    """The contract describes /openapi.yaml as the text that it is, not as what the text says."""
    return response.text


# What exists, by the answers to this run and to whoever prepared it: documents by id; attempts by id, by execution id;
# claims by execution id; checkpoints by size. Of each delivery, by document and provider: whether it was delivered or
# skipped since its last requeue, and when that was. Of each document: the providers that it has to reach, and those that
# it had to.
documents, attempts, executions, claims, checkpoints = set(), {}, {}, {}, set()
settled, requeues = set(), {}
present, retired = {}, {}


def learn(answer):
    """Remembers what an answer shows, and says whether any of it is new: of a document, an attempt, a page and so on."""
    news = False
    for one in answer["data"] if "data" in answer else [answer]:
        if "deliveries" in one:
            news |= learn_document(one)
        elif "delivery_key" in one:
            news |= learn_claim(one)
        elif "sealed_at" in one:
            news |= one["size"] not in checkpoints
            checkpoints.add(one["size"])
        elif "recorded_at" in one:
            news |= learn_attempt(one)
        elif "state" in one:
            news |= learn_delivery(one)
    return news


def learn_document(document):
    had, has = present.get(document["id"], set()), {delivery["provider"] for delivery in document["deliveries"]}
    present[document["id"]] = has
    retired[document["id"]] = (retired.get(document["id"], set()) | had) - has
    news = document["id"] not in documents or had != has
    documents.add(document["id"])
    return any([learn_delivery(delivery) for delivery in document["deliveries"]]) or news


def learn_delivery(delivery):
    news = bool(delivery["last_attempt"]) and learn_attempt(delivery["last_attempt"])
    key, requeued = (delivery["document_id"], delivery["provider"]), delivery["requeued"]
    if requeued and requeues.get(key) != requeued["at"]:
        requeues[key] = requeued["at"]
        settled.discard(key)
        news = True
    return news


def learn_attempt(attempt):
    """Attempts are learnt of when they are recorded, and so in this order."""
    if attempt["id"] in attempts:
        return False
    attempts[attempt["id"]] = executions[attempt["execution_id"]] = attempt
    document, provider = key = attempt["document_id"], attempt["provider"]
    if provider not in retired.get(document, set()):
        present.setdefault(document, set()).add(provider)
    if attempt["status"] != "failed":
        settled.add(key)
    for id, claim in claims.items():
        if key_of(claim) == key and (attempt["status"] != "failed" or id == attempt["execution_id"]):
            claim["settled"] = True
    return True


def learn_claim(claim):
    known = claims.setdefault(claim["execution_id"], {"settled": False, "released": False})
    before = dict(known)
    known.update(document_id=claim["document_id"], provider=claim["provider"], ends=claim["lease_expires_at"])
    known["released"] |= claim.get("released_at") is not None
    return known != before


def key_of(it):
    return it["document_id"], it["provider"]


def ran_out(claim):
    return datetime.datetime.fromisoformat(claim["ends"]) <= datetime.datetime.now(datetime.UTC)


def is_leased(key, response):
    """Whether a lease on a delivery was open when the request was answered, or just before."""
    asked = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=response.elapsed)
    return any(
        key_of(claim) == key and not claim["settled"] and not claim["released"] and datetime.datetime.fromisoformat(claim["ends"]) > asked
        for claim in claims.values()
    )


# One answer a line: the next run has to know of it too.
with open(os.environ["NUMORA_TEST_KNOWN"], encoding="utf-8") as known:
    for line in known:
        learn(json.loads(line))


@schemathesis.hook("after_call").apply_to(path_regex="^/v1/")
def remember(context, case, response):
    if response.status_code in (200, 201) and learn(response.json()):
        with open(os.environ["NUMORA_TEST_KNOWN"], "a", encoding="utf-8") as known:
            print(json.dumps(response.json()), file=known)


# For each next_cursor that was answered: the list that it belongs to. Lists are told apart as they are spelled: a filter
# that says the same in other words (an instant in another zone) makes another list here, though not for the server.
lists = {}
asked, ahead = set(), {}  # lists that were asked for, and pages that were not yet, by operation
paged = ["listDocumentDelivery", "listDeliveryAttempts", "listDeliveries", "listOutbox"]


def list_of(url):
    """Path and filters: what a cursor belongs to."""
    url = urllib.parse.urlsplit(url)
    query = urllib.parse.parse_qsl(url.query, keep_blank_values=True)
    return url.path, sorted((name, value) for name, value in query if name not in ("cursor", "limit"))


@schemathesis.hook.apply_to(operation_id=paged)
def after_call(context, case, response):
    if response.status_code == 200 and (cursor := response.json()["next_cursor"]):
        lists[cursor] = list_of(response.request.url)
        ahead.setdefault(case.operation.label, []).append((case.path_parameters, {**(case.query or {}), "cursor": cursor}))


@schemathesis.hook("map_case").apply_to(operation_id=paged)
def without_made_up_cursor(context, case):
    """A made-up cursor is refused before anything is looked up: only cases that are about cursors keep it."""
    cursor = (case.query or {}).get("cursor")
    about_cursors = getattr(case.meta.phase.data, "parameter", None) == "cursor"
    if cursor and cursor not in lists and not about_cursors and in_phase(case, "coverage", "fuzzing", "stateful"):
        case.query = {name: value for name, value in case.query.items() if name != "cursor"}
    return case


@schemathesis.hook("map_case").apply_to(operation_id=paged)
def next_page(context, case):
    """The same lists are made up many times: where one was asked for already, another one is read on."""
    if in_phase(case, "fuzzing", "stateful"):
        wanted = json.dumps([case.operation.label, case.path_parameters, case.query], sort_keys=True, default=str)
        if wanted in asked and (pages := ahead.get(case.operation.label)):
            case.path_parameters, case.query = pages.pop()
        asked.add(wanted)
    return case


@schemathesis.hook("map_case").apply_to(operation_id="recordDelivery")
def as_new_report(context, case):
    """
    The coverage phase takes the execution id of the examples again and again, the others one of a few: nearly all
    would be conflicts. Half of them get an id of their own, the same for the same report.
    """
    if in_phase(case, "coverage", "fuzzing", "stateful"):
        report = json.dumps([case.path_parameters, case.body], sort_keys=True, default=str)
        digest = hashlib.sha256(report.encode()).hexdigest()
        if digest[-1] in "02468ace" or in_phase(case, "coverage") and case.body["execution_id"].startswith("n8n-"):
            case.body = {**case.body, "execution_id": f"fuzzed-{digest}"}
    return case


@schemathesis.hook("map_case").apply_to(operation_id="recordDelivery")
def mostly_of_our_time(context, case):
    """Nearly all the years that are made up are refused; seven of eight become a leap year of ours."""
    if in_phase(case, "fuzzing", "stateful") and not recent(case.body["attempted_at"]):
        year = int(case.body["attempted_at"][:4])
        if year % 8:
            case.body = {**case.body, "attempted_at": f"20{year % 7 * 4:02}" + case.body["attempted_at"][4:]}
    return case


def digest_of(case):
    """A number that is the same for the same request."""
    request = json.dumps([case.path_parameters, case.query, case.body], sort_keys=True, default=str)
    return int(hashlib.sha256(request.encode()).hexdigest(), 16)


@schemathesis.hook("map_case").apply_to(operation_id=["claimDeliveries", "retryPush"])
def of_a_provider_there_is(context, case):
    """Most made-up providers have nothing due; and a few at once will do, so that there is something for the next."""
    if in_phase(case, "coverage", "fuzzing", "stateful") and digest_of(case) % 4:
        case.body = {**case.body, "provider": "dynamics365"}
        if case.body.get("limit", 1) > 3 and digest_of(case) % 8:
            case.body["limit"] = 2
    return case


@schemathesis.hook("map_case").apply_to(operation_id=["extendClaim", "releaseClaim"])
def of_a_claim_there_is(context, case):
    """No made-up execution id is that of a claim; most cases are about one of the last, or one that a report settled."""
    if in_phase(case, "coverage", "fuzzing") and claims and (digest := digest_of(case)) % 5:
        some = list(claims)[-4:] + [id for id, claim in claims.items() if claim["settled"] and not claim["released"]][-2:]
        case.path_parameters = {**case.path_parameters, "execution_id": some[digest // 5 % len(some)]}
    return case


@schemathesis.hook("map_case").apply_to(operation_id="recordDelivery")
def on_a_claim(context, case):
    """One of eight reports is what a worker sends that has a claim: one of the last, or one that nobody gave back."""
    if in_phase(case, "fuzzing", "stateful") and claims and (digest := digest_of(case)) % 8 == 0:
        some = list(claims)[-2:] + [id for id, claim in claims.items() if not claim["settled"] and not claim["released"]][-4:]
        id = some[digest // 8 % len(some)]
        case.path_parameters = {**case.path_parameters, "id": claims[id]["document_id"]}
        case.body = {**case.body, "execution_id": id, "provider": claims[id]["provider"]}
    return case


def in_phase(case, *phases):
    """Whether the case fits the schemas and belongs to one of the phases."""
    return case.meta.generation.mode.is_positive and case.meta.phase.name.value in phases


def recent(instant):
    try:
        told = datetime.datetime.fromisoformat(instant)
    except ValueError:  # year 0000
        return False
    now = datetime.datetime.now(datetime.UTC)
    return datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC) <= told <= now + datetime.timedelta(hours=24)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Lets a failure go where a request was refused, as the contract says, for what no schema can say."""
    return not (isinstance(failure, RejectedPositiveData) and rightly_refused(case, response))


def rightly_refused(case, response):
    """Whether the request has the flaw that the answer names, one that the contract tells in words alone."""
    match case.operation.definition.raw["operationId"], response.status_code:
        case "recordDelivery" | "listDocumentDelivery" | "getDocument", 404:  # never registered
            return document_of(case) not in documents
        case "getDeliveryAttempt", 404:  # never recorded
            return case.path_parameters["attempt_id"] not in attempts
        case "getAuditCheckpoint", 404:  # never sealed
            return not checkpoints
        case "getDocsAsset", 404:
            return case.path_parameters["asset"] not in page_files
        case "recordDelivery", 409:  # recorded before with other data
            recorded = executions.get(case.body["execution_id"])
            return recorded is not None and set(fields(response)) == differences(case, recorded) != set()
        case "extendClaim" | "releaseClaim", 404:  # never handed out
            return case.path_parameters["execution_id"] not in claims
        case "extendClaim", 409:
            claim = claims[case.path_parameters["execution_id"]]
            return claim["settled"] or claim["released"] or ran_out(claim)
        case "releaseClaim", 409:
            claim = claims[case.path_parameters["execution_id"]]
            return claim["settled"] or not claim["released"] and ran_out(claim)
        case "retryPush", 404:  # never registered, or not to reach this provider
            return document_of(case) not in documents or case.body["provider"] not in present[document_of(case)]
        case "retryPush", 409:  # a worker is at it, or it was delivered or skipped
            key = document_of(case), case.body["provider"]
            return is_leased(key, response) or key in settled and not case.body.get("force", False)
        case "recordDelivery", 422:  # from 2000-01-01 to 24 hours from now
            return fields(response) == ["attempted_at"] and not recent(case.body["attempted_at"])
        case operation, 400 if operation in paged:  # the next_cursor of the page before, with the same filters
            return fields(response) == ["cursor"] and lists.get((case.query or {}).get("cursor")) != list_of(response.request.url)
        case "putDocument", 400:  # no U+0000, in names neither
            return {field.split("/")[0] for field in fields(response)} == {"metadata"} and has_null(case.body.get("metadata"))
    return False


page_files = {"start.js", "swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"}  # of /docs/


def fields(response):
    return [detail["field"] for detail in response.json()["error"]["details"]]


def document_of(case):
    """The document's id, which a link may have made with its colons escaped."""
    return urllib.parse.unquote(case.path_parameters["id"])


def differences(case, recorded):
    """The delivery data in which a report differs from the attempt that is recorded under its execution id."""
    report = {**case.body, "document_id": document_of(case)}
    names = ["document_id", "provider", "status", "external_record_id", "external_url", "error_code", "error_message"]
    differing = {name for name in names if report.get(name) != recorded[name]}
    # Both are cut to the microsecond when they are read.
    if datetime.datetime.fromisoformat(report["attempted_at"]) != datetime.datetime.fromisoformat(recorded["attempted_at"]):
        differing.add("attempted_at")
    return differing


def has_null(value):
    """Whether U+0000 is in any string or name of a JSON value."""
    match value:
        case str():
            return "\0" in value
        case list():
            return any(map(has_null, value))
        case dict():
            return any(map(has_null, [*value.keys(), *value.values()]))
    return False
