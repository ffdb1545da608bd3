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


# What exists, by the answers to this run and to whoever prepared it: documents by id; attempts by id, by execution id.
documents, attempts, executions = set(), {}, {}


def learn(answer):
    """Remembers what an answer shows to exist, and says whether any of it is new: of a document, an attempt, a page."""
    before = len(documents), len(attempts)
    if "deliveries" in answer:
        documents.add(answer["id"])
        shown = [delivery["last_attempt"] for delivery in answer["deliveries"] if delivery["last_attempt"]]
    else:
        shown = answer["data"] if "data" in answer else [answer]
    for attempt in shown:
        attempts[attempt["id"]] = executions[attempt["execution_id"]] = attempt
    return before != (len(documents), len(attempts))


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
asked, ahead = set(), []  # lists that were asked for, and pages that were not yet


def list_of(url):
    """Path and filters: what a cursor belongs to."""
    url = urllib.parse.urlsplit(url)
    query = urllib.parse.parse_qsl(url.query, keep_blank_values=True)
    return url.path, sorted((name, value) for name, value in query if name not in ("cursor", "limit"))


@schemathesis.hook.apply_to(operation_id="listDocumentDelivery")
def after_call(context, case, response):
    if response.status_code == 200 and (cursor := response.json()["next_cursor"]):
        lists[cursor] = list_of(response.request.url)
        ahead.append((case.path_parameters, {**(case.query or {}), "cursor": cursor}))


@schemathesis.hook("map_case").apply_to(operation_id="listDocumentDelivery")
def without_made_up_cursor(context, case):
    """A made-up cursor is refused before anything is looked up: only cases that are about cursors keep it."""
    cursor = (case.query or {}).get("cursor")
    about_cursors = getattr(case.meta.phase.data, "parameter", None) == "cursor"
    if cursor and cursor not in lists and not about_cursors and in_phase(case, "coverage", "fuzzing", "stateful"):
        case.query = {name: value for name, value in case.query.items() if name != "cursor"}
    return case


@schemathesis.hook("map_case").apply_to(operation_id="listDocumentDelivery")
def next_page(context, case):
    """The same lists are made up many times: where one was asked for already, another one is read on."""
    if in_phase(case, "fuzzing", "stateful"):
        wanted = json.dumps([case.path_parameters, case.query], sort_keys=True, default=str)
        if wanted in asked and ahead:
            case.path_parameters, case.query = ahead.pop()
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
        case "getDocsAsset", 404:
            return case.path_parameters["asset"] not in page_files
        case "recordDelivery", 409:  # recorded before with other data
            recorded = executions.get(case.body["execution_id"])
            return recorded is not None and set(fields(response)) == differences(case, recorded) != set()
        case "recordDelivery", 422:  # from 2000-01-01 to 24 hours from now
            return fields(response) == ["attempted_at"] and not recent(case.body["attempted_at"])
        case "listDocumentDelivery", 400:  # the next_cursor of the page before, with the same filters
            return fields(response) == ["cursor"] and lists.get(case.query["cursor"]) != list_of(response.request.url)
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
