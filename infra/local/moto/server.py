"""Starts moto for Warder's local account.

Loads moto once, and then starts as many servers as it is asked for: each is a fork of this
process, which has nothing in it yet, listens on a free loopback port of its own and shares
no state with the others. Loading takes two seconds of a processor, a fork takes none.

Each line of standard input is a request, and each of standard output tells of a server:

  start       start a server; answered by "port N PID" once it accepts connections
  end PID     end that server
  ended PID   (output) a server has ended, whoever ended it

It ends when standard input ends, and the servers end with it: the pipe closes with the
process that holds its other end, however that process came to its end, so that no server
outlives it.

Besides the AWS APIs it answers five routes that AWS does not have. They are not reachable
from outside: the local account's front is the only client of this server.

  POST /_warder/age     {"user": name, "accessKey": id, "created": time, "lastUsed": time}
                        sets back CreateDate of a user or of an access key, or the key's
                        last use, so that a key of 91 days exists on the first day;
                        with {"credential": id} that of another credential of a user
  POST /_warder/users   {name: {"created": time, "tags": {}, "attached": [arn], "boundary": arn,
                        "keys": [{"id": id, "status": "Active", "created": time, "used": time}]}}
                        makes users as they would be after years, thousands in one call
  POST /_warder/session {"region": name, "id": id, "target": machine, "owner": arn}
                        starts a session of Session Manager, without a machine
  POST /_warder/unused  {"role": name, "created": time, "accessed": {service: {"last": time,
                        "actions": {action: time}}}}
                        a role as it would be after months, with what it last accessed, and a
                        finding of Access Analyzer that nobody uses it
  POST /_warder/caller  {"accessKey": id, "action": "iam:AttachUserPolicy", "resource": arn}
                        who holds an access key, and whether that user's policies allow the
                        action (moto's own evaluation: actions and resources)
"""

import gc
import json
import logging
import os
import secrets
import signal
import sys
import threading
from datetime import datetime, timezone

# AWS's own managed policies exist, as in every account.
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

# Deeply nested JSON must be an ordinary non-match, not a RecursionError, and a number of
# any length must be a number. Threads get the stack that the recursion may need.
sys.setrecursionlimit(60_000)
sys.set_int_max_str_digits(0)
threading.stack_size(256 * 1024 * 1024)

from moto.cloudwatch.responses import CloudWatchResponse  # noqa: E402
from moto.core import DEFAULT_ACCOUNT_ID  # noqa: E402
from moto.core.responses import ActionResult, EmptyResult  # noqa: E402
from moto.core.utils import get_service_model  # noqa: E402
from moto.dynamodb.models import DynamoDBBackend  # noqa: E402
from moto.events.models import EventPattern  # noqa: E402
from moto.guardduty.models import Detector  # noqa: E402
from moto.iam.access_control import IAMPolicy, IAMUserAccessKey, PermissionResult  # noqa: E402
from moto.iam.exceptions import EntityAlreadyExists, NotFoundException  # noqa: E402
from moto.iam.models import (  # noqa: E402
    AccessKeyLastUsed,
    IAMBackend,
    User,
    get_account_id_from,
    iam_backends,
)
from moto.iam.policy_validation import VALID_RESOURCE_PATH_STARTING_VALUES  # noqa: E402
from moto.iam.responses import IamResponse  # noqa: E402
from moto.moto_api._internal import mock_random  # noqa: E402
from moto.moto_server.werkzeug_app import (  # noqa: E402
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.route53resolver.exceptions import ResourceNotFoundException  # noqa: E402
from moto.route53resolver.responses import Route53ResolverResponse  # noqa: E402
from moto.securityhub.responses import SecurityHubResponse  # noqa: E402
from moto.securityhub.urls import url_paths as securityhub_urls  # noqa: E402
from moto.ssm.responses import SimpleSystemManagerResponse  # noqa: E402
from moto.sts.models import sts_backends  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

PARTITION = "aws"

# A policy may name the root user of an account: sts:AssumeRoot is for that. moto's list of the kinds
# of IAM resources is older.
VALID_RESOURCE_PATH_STARTING_VALUES["iam"]["values"].append("root")


create_user = User.__init__


def create_user_with_unique_id(self, *args, **kwargs):
    """Users get a unique id in AWS's form, AIDA and 17 capitals or digits; moto's have neither."""
    create_user(self, *args, **kwargs)
    self.id = "AIDA" + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(17))


User.__init__ = create_user_with_unique_id


writing = threading.RLock()


def alone(operation):
    """A conditional write is one step in DynamoDB, and a query sees whole items.

    moto compares and writes, and goes through a table, while another thread may write.
    """

    def one_at_a_time(self, *args, **kwargs):
        with writing:
            return operation(self, *args, **kwargs)

    return one_at_a_time


for operation in ("put_item", "delete_item", "update_item", "query", "scan"):
    setattr(DynamoDBBackend, operation, alone(getattr(DynamoDBBackend, operation)))


update_user = IAMBackend.update_user


def update_user_with_all(self, user_name, new_path=None, new_user_name=None):
    """A user that is renamed or moved keeps its tags and keys. moto keeps tags by ARN and keys by name."""
    user = self.get_user(user_name)
    if new_user_name and new_user_name != user_name and new_user_name in self.users:
        raise EntityAlreadyExists(f"User with name {new_user_name} already exists.")
    arn, tags = user.arn, self.tagger.list_tags_for_resource(user.arn)["Tags"]
    update_user(self, user_name, new_path, new_user_name)
    self.tagger.delete_all_tags_for_resource(arn)
    self.tagger.tag_resource(user.arn, tags)
    for key in user.access_keys:
        key.user_name = user.name


IAMBackend.update_user = update_user_with_all


get_user = IAMBackend.get_user


def get_user_in_any_case(self, name):
    """IAM does not distinguish names by case; moto does.
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html"""
    if name and name not in self.users:
        name = next((known for known in self.users if known.lower() == name.lower()), name)
    return get_user(self, name)


IAMBackend.get_user = get_user_in_any_case


# moto's method for an alarm makes a composite one, too, and no route leads to it.
CloudWatchResponse.put_composite_alarm = CloudWatchResponse.put_metric_alarm


# Users have a permissions boundary in AWS; moto has it for roles only.


def set_boundary(response, user, policy):
    """Puts the policy, which must exist, on a user as its permissions boundary."""
    response.backend.get_policy(policy)
    user.permissions_boundary_arn = policy


def put_user_permissions_boundary(self):
    user = self.backend.get_user(self._get_param("UserName"))
    set_boundary(self, user, self._get_param("PermissionsBoundary"))
    return EmptyResult()


def delete_user_permissions_boundary(self):
    self.backend.get_user(self._get_param("UserName")).permissions_boundary_arn = None
    return EmptyResult()


create_user_response = IamResponse.create_user


def create_user_with_boundary(self):
    policy = self._get_param("PermissionsBoundary")
    if policy:
        self.backend.get_policy(policy)
    result = create_user_response(self)
    if policy:
        set_boundary(self, self.backend.get_user(self._get_param("UserName")), policy)
    return result


def permissions_boundary(user):
    if user.permissions_boundary_arn is None:
        return None
    return {
        "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
        "PermissionsBoundaryArn": user.permissions_boundary_arn,
    }


User.permissions_boundary_arn = None
User.permissions_boundary = property(permissions_boundary)
IamResponse.create_user = create_user_with_boundary
IamResponse.put_user_permissions_boundary = put_user_permissions_boundary
IamResponse.delete_user_permissions_boundary = delete_user_permissions_boundary
IamResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER["ListUsersResponse.Users.User.PermissionsBoundary"] = (
    IamResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER["ListRolesResponse.Roles.Role.PermissionsBoundary"]
)

# Users have service-specific credentials in AWS; moto knows none.
SERVICE_CREDENTIALS = {}


def service_credential(user, service, status="Active"):
    return {
        "UserName": user,
        "Status": status,
        "ServiceUserName": "",
        "CreateDate": datetime.now(timezone.utc),
        "ServiceSpecificCredentialId": "ACCA"
        + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(17)),
        "ServiceName": service,
    }


def create_service_specific_credential(self):
    user, service = self.backend.get_user(self._get_param("UserName")), self._get_param("ServiceName")
    made = service_credential(user.name, service)
    SERVICE_CREDENTIALS.setdefault(user.id, []).append(made)
    return ActionResult({"ServiceSpecificCredential": made})


def list_service_specific_credentials(self):
    user, service = self.backend.get_user(self._get_param("UserName")), self._get_param("ServiceName")
    return ActionResult(
        {
            "ServiceSpecificCredentials": [
                key
                for key in SERVICE_CREDENTIALS.get(user.id, [])
                if service in (None, key["ServiceName"])
            ]
        }
    )


def find_service_credential(self):
    user, wanted = (
        self.backend.get_user(self._get_param("UserName")),
        self._get_param("ServiceSpecificCredentialId"),
    )
    for key in SERVICE_CREDENTIALS.get(user.id, []):
        if key["ServiceSpecificCredentialId"] == wanted:
            return key
    raise NotFoundException("No such credential " + wanted + " exists")


def update_service_specific_credential(self):
    find_service_credential(self)["Status"] = self._get_param("Status")
    return EmptyResult()


def reset_service_specific_credential(self):
    return ActionResult({"ServiceSpecificCredential": find_service_credential(self)})


IamResponse.create_service_specific_credential = create_service_specific_credential
IamResponse.list_service_specific_credentials = list_service_specific_credentials
IamResponse.update_service_specific_credential = update_service_specific_credential
IamResponse.reset_service_specific_credential = reset_service_specific_credential

# There are no machines here, and no sessions but those that /_warder/session starts: moto knows
# neither. They are kept by region and id for as long as they last.
SESSIONS = {}


def start_session(request):
    SESSIONS[request["region"], request["id"]] = {
        "SessionId": request["id"],
        "Target": request["target"],
        "Owner": request["owner"],
        "Status": "Connected",
    }
    return {}


def describe_sessions(self):
    wanted = {f["key"]: f["value"] for f in json.loads(self.body).get("Filters", [])}
    return ActionResult(
        {
            "Sessions": [
                session
                for (region, _), session in SESSIONS.items()
                if region == self.region
                and wanted.get("SessionId", session["SessionId"]) == session["SessionId"]
            ]
        }
    )


def terminate_session(self):
    session_id = json.loads(self.body)["SessionId"]
    SESSIONS.pop((self.region, session_id), None)
    return ActionResult({"SessionId": session_id})


SimpleSystemManagerResponse.describe_sessions = describe_sessions
SimpleSystemManagerResponse.terminate_session = terminate_session
SimpleSystemManagerResponse.describe_instance_information = lambda _: ActionResult(
    {"InstanceInformationList": []}
)


# moto knows neither what roles and users last accessed nor Access Analyzer: both are what /_warder/unused
# says. There is one analyzer for unused access, in the first region, once there is a finding.
ACCESSED, JOBS, FINDINGS = {}, {}, []
ANALYZER = "arn:aws:access-analyzer:us-east-1:" + DEFAULT_ACCOUNT_ID + ":analyzer/unused"


def generate_service_last_accessed_details(self):
    job = "".join(secrets.choice("0123456789abcdef") for _ in range(36))
    JOBS[job] = self._get_param("Arn")
    return ActionResult({"JobId": job})


def last_accessed(name, used):
    service = {"ServiceName": name, "ServiceNamespace": name}
    if used.get("last"):
        service["LastAuthenticated"] = parse_time(used["last"])
    service["TrackedActionsLastAccessed"] = [
        {"ActionName": action} | ({} if at.startswith("0001-") else {"LastAccessedTime": parse_time(at)})
        for action, at in used.get("actions", {}).items()
    ]
    return service


def get_service_last_accessed_details(self):
    used, now = ACCESSED.get(JOBS[self._get_param("JobId")], {}), datetime.now(timezone.utc)
    services = [last_accessed(name, used[name]) for name in sorted(used)]
    return ActionResult(
        {
            "JobStatus": "COMPLETED",
            "JobType": "ACTION_LEVEL",
            "JobCreationDate": now,
            "JobCompletionDate": now,
            "IsTruncated": False,
            "ServicesLastAccessed": services,
        }
    )


IamResponse.generate_service_last_accessed_details = generate_service_last_accessed_details
IamResponse.get_service_last_accessed_details = get_service_last_accessed_details


def unused(request):
    kind = "User" if request.get("user") else "Role"
    role = iam().get_user(request["user"]) if request.get("user") else iam().get_role(request["role"])
    role.create_date = parse_time(request["created"])
    ACCESSED[role.arn] = request.get("accessed", {})
    FINDINGS.append(
        {
            "id": "finding-" + role.id,
            "resource": role.arn,
            "resourceOwnerAccount": DEFAULT_ACCOUNT_ID,
            "resourceType": "AWS::IAM::" + kind,
            "status": "ACTIVE",
            "findingType": request.get("type") or "UnusedIAMRole",
        }
    )
    return {}


def list_analyzers(query):
    there = FINDINGS and "type=ACCOUNT_UNUSED_ACCESS" in query
    return {"analyzers": [{"arn": ANALYZER, "status": "ACTIVE"}] if there else []}


# What GuardDuty is not told to change it leaves as it is; moto forgets all features but those that are named.
update_detector = Detector.update


def update_some_features(self, enable, finding_publishing_frequency, data_sources, features):
    if features is not None:
        named = {feature["name"] for feature in features}
        features = [f for f in self.features if f["name"] not in named] + features
    update_detector(self, enable, finding_publishing_frequency, data_sources, features)


Detector.update = update_some_features


# moto's Security Hub has no standards.
# https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_GetEnabledStandards.html
def standards(self):
    hub = self.securityhub_backend
    hub.describe_hub()  # refuses if Security Hub is off
    if getattr(hub, "since", None) != hub.enabled_at:
        hub.since, hub.standards = hub.enabled_at, {}
    return hub.standards


def answer_standards(some):
    return json.dumps(
        {
            "StandardsSubscriptions": [
                {
                    "StandardsSubscriptionArn": subscription,
                    "StandardsArn": name,
                    "StandardsStatus": "READY",
                    "StandardsInput": {},
                }
                for name, subscription in some.items()
            ]
        }
    )


def get_enabled_standards(self):
    return answer_standards(standards(self))


def batch_enable_standards(self):
    known, region = standards(self), self.region
    for request in json.loads(self.body)["StandardsSubscriptionRequests"]:
        name = request["StandardsArn"]
        known[name] = (
            f"arn:aws:securityhub:{region}:{DEFAULT_ACCOUNT_ID}:subscription/"
            + name.split(":", 5)[5].split("/", 1)[1]
        )
    return answer_standards(known)


def batch_disable_standards(self):
    known = standards(self)
    gone = json.loads(self.body)["StandardsSubscriptionArns"]
    for name in [name for name, subscription in known.items() if subscription in gone]:
        del known[name]
    return answer_standards(known)


for path, operation in {
    "get": get_enabled_standards,
    "register": batch_enable_standards,
    "deregister": batch_disable_standards,
}.items():
    setattr(SecurityHubResponse, operation.__name__, operation)
    securityhub_urls["{0}/standards/" + path + "$"] = SecurityHubResponse.dispatch


# moto logs DNS queries of a VPC, and never ends that.
def disassociate_resolver_query_log_config(self):
    known = self.route53resolver_backend.resolver_query_log_config_associations
    config, vpc = self._get_param("ResolverQueryLogConfigId"), self._get_param("ResourceId")
    for key, association in known.items():
        if association.resolver_query_log_config_id == config and association.resource_id == vpc:
            answer = association.description() | {"Status": "DELETING"}
            del known[key]
            return json.dumps({"ResolverQueryLogConfigAssociation": answer})
    raise ResourceNotFoundException(f"The VPC {vpc} is not associated with {config}")


def delete_resolver_query_log_config(self):
    known = self.route53resolver_backend.resolver_query_log_configs
    config = self._get_param("ResolverQueryLogConfigId")
    if config not in known:
        raise ResourceNotFoundException(f"There is no query logging configuration {config}")
    answer = known.pop(config).description() | {"Status": "DELETING"}
    return json.dumps({"ResolverQueryLogConfig": answer})


Route53ResolverResponse.disassociate_resolver_query_log_config = (
    disassociate_resolver_query_log_config
)
Route53ResolverResponse.delete_resolver_query_log_config = delete_resolver_query_log_config


def elements(event, pattern):
    """The event with one element of each list of objects that a pattern looks into.

    EventBridge matches what is in one element of such a list; moto looks into none.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns-arrays.html
    """
    found = [event]
    for key, inner in pattern.items():
        if key == "$or":
            for other in inner:
                found = [one for event in found for one in elements(event, other)]
        elif isinstance(inner, dict):
            value = event.get(key)
            parts = [p for p in (value if isinstance(value, list) else [value]) if isinstance(p, dict)]
            if parts:
                ones = [one for part in parts for one in elements(part, inner)]
                found = [{**event, key: one} for event in found for one in ones]
    return found


matches_object = EventPattern.matches_event


def matches_event(self, event):
    return any(matches_object(self, one) for one in elements(event, self.get_pattern() or {}))


EventPattern.matches_event = matches_event


def iam():
    return iam_backends[DEFAULT_ACCOUNT_ID][PARTITION]


def parse_time(text):
    """RFC 3339 to the naive UTC datetime that moto keeps."""
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return at.astimezone(timezone.utc).replace(tzinfo=None)


def find_key(access_key_id):
    """The user and the key, or (None, None)."""
    user = iam().get_user_from_access_key_id(access_key_id)
    if user is None:
        return None, None
    return user, user.get_access_key_by_id(access_key_id)


def age_credential(wanted, created):
    for user in iam().users.values():
        for key in SERVICE_CREDENTIALS.get(user.id, []):
            if key["ServiceSpecificCredentialId"] == wanted:
                key["CreateDate"] = created
                return {}
        for key in user.ssh_public_keys:
            if key.ssh_public_key_id == wanted:
                key.upload_date = created
                return {}
        if wanted in user.signing_certificates:
            user.signing_certificates[wanted].upload_date = created
            return {}
    raise KeyError("no credential " + repr(wanted))


def age(request):
    if name := request.get("user"):
        iam().get_user(name).create_date = parse_time(request["created"])
        return {}
    if name := request.get("credential"):
        return age_credential(name, parse_time(request["created"]))
    _, key = find_key(request.get("accessKey", ""))
    if key is None:
        raise KeyError("no access key " + repr(request.get("accessKey")))
    if created := request.get("created"):
        key.create_date = parse_time(created)
    if used := request.get("lastUsed"):
        key.last_used = AccessKeyLastUsed(
            timestamp=parse_time(used), service="s3", region="us-east-1"
        )
    return {}


def add_users(request):
    """Users, with keys that have the ids they are given. One that is there already is an error."""
    policies = {policy.arn: policy for policy in iam().managed_policies.values()}
    for name, given in request.items():
        tags = [{"Key": key, "Value": value} for key, value in given.get("tags", {}).items()]
        user = iam().create_user("us-east-1", name, tags=tags)
        user.create_date = parse_time(given["created"])
        user.permissions_boundary_arn = given.get("boundary")
        for policy in given.get("attached", []):
            policies[policy].attach_to(user)
        for key in given.get("keys", []):
            made = user.create_access_key("AKIA", key["status"])
            made.access_key_id, made.create_date = key["id"], parse_time(key["created"])
            if used := key.get("used"):
                made.last_used = AccessKeyLastUsed(parse_time(used), "s3", "us-east-1")
            iam().access_keys[made.physical_resource_id] = made
    return {}


def allowed(access_key_id, action, resource):
    key = IAMUserAccessKey(DEFAULT_ACCOUNT_ID, PARTITION, access_key_id, {})
    results = [
        IAMPolicy(policy).is_action_permitted(action, resource)
        for policy in key.collect_policies()
    ]
    return PermissionResult.PERMITTED in results and PermissionResult.DENIED not in results


def caller(request):
    access_key_id = request["accessKey"]
    user, key = find_key(access_key_id)
    if user is not None:
        answer = {
            "type": "IAMUser",
            "id": user.id,
            "arn": user.arn,
            "name": user.name,
            "active": key.status == "Active",
            "secret": key.secret_access_key,
        }
        if action := request.get("action"):
            answer["allowed"] = allowed(access_key_id, action, request.get("resource") or "*")
        return answer
    session = sts_backends[DEFAULT_ACCOUNT_ID][PARTITION].get_assumed_role_from_access_key(
        access_key_id
    )
    if session is None:
        return {}
    return {
        "type": "AssumedRole",
        "id": session.user_id,
        "arn": session.arn,
        "name": session.role_arn.rsplit("/", 1)[-1],
        "role": session.role_arn,
        "active": True,
        "allowed": True,
        "secret": session.secret_access_key,
    }


ROUTES = {
    "/_warder/users": add_users,
    "/_warder/age": age,
    "/_warder/session": start_session,
    "/_warder/unused": unused,
    "/_warder/caller": caller,
    # https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_ListFindingsV2.html
    "/findingv2": lambda _: {"findings": FINDINGS},
}


def with_routes(app):
    """The WSGI application app, with the routes above before it."""

    def serve(environ, start_response):
        route = ROUTES.get(environ.get("PATH_INFO", ""))
        if environ.get("PATH_INFO") == "/analyzer":

            def route(_):
                return list_analyzers(environ.get("QUERY_STRING", ""))

        if route is None:
            return app(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            status, answer = "200 OK", route(json.loads(body or b"{}"))
        except Exception as error:  # what went wrong is the answer
            status, answer = "400 Bad Request", {"error": str(error)}
        data = json.dumps(answer).encode()
        start_response(
            status,
            [("Content-Type", "application/json"), ("Content-Length", str(len(data)))],
        )
        return [data]

    return serve


class WholeAnswers(MotoRequestHandler):
    """Sends the head of an answer together with its body.

    By itself it sends the head alone first. On a busy machine a client then now and then
    finds the connection closed before it has read the body, repeats a call that was
    answered, and hears that what it creates exists already.
    """

    wbufsize = 1 << 20


# What the local account has of AWS. Another service is loaded when it is called first.
SERVICES = (
    "cloudtrail",
    "cloudwatch",
    "config",
    "dynamodb",
    "events",
    "iam",
    "kms",
    "logs",
    "organizations",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "sts",
)


class Dispatcher(DomainDispatcherApplication):
    """Remembers which service a host is.

    By itself it lists moto's folder and goes through two hundred patterns for each call, while
    the others wait: a quarter of the time of all calls.
    """

    def __init__(self, create_app):
        super().__init__(create_app)
        self.backends = {}

    def get_backend_for_host(self, host):
        if host not in self.backends:
            self.backends[host] = super().get_backend_for_host(host)
        return self.backends[host]


def load():
    """moto's application with the services above in it."""
    app = Dispatcher(create_backend_app)
    for service in SERVICES:
        app.app_instances[service] = create_backend_app(service)
        get_service_model(service)
    get_account_id_from("")  # AWS's policies of every partition, which the first call looks through
    return app


def end_with(pipe):
    """Ends this process when nobody can write to the pipe any more."""
    os.read(pipe, 1)
    os._exit(0)


def serve(server, alive):
    """Is a server from here on, until it is ended or the other end of the pipe alive is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    mock_random.seed()  # or every server would give out the same ids
    threading.Thread(target=end_with, args=(alive,), daemon=True).start()
    server.serve_forever()


def say(*words):
    """Writes a line to standard output, in one piece: a signal may come while another is written."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def tell_ended(*_):
    """Says which servers have ended."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        say("ended", pid)


def start(app, alive, held):
    """Starts a server and says where it is."""
    server = make_server(
        "127.0.0.1", 0, with_routes(app), threaded=True, request_handler=WholeAnswers
    )
    # That it has ended must not be said before where it is.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    pid = os.fork()
    if pid == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        os.close(held)
        try:
            serve(server, alive)
        finally:
            os._exit(1)
    server.server_close()
    say("port", server.server_port, pid)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = load()
    gc.collect()
    gc.freeze()  # what is shared with the servers stays shared: nobody looks for garbage in it
    signal.signal(signal.SIGCHLD, tell_ended)
    alive, held = os.pipe()
    for line in sys.stdin:
        request = line.split()
        if request[0] == "start":
            start(app, alive, held)
        elif request[0] == "end":
            try:
                os.kill(int(request[1]), signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has ended already


if __name__ == "__main__":
    main()
