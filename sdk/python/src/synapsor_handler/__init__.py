"""Safe handlers for changes that Synapsor Runner hands to your application.

You write only the business effect. Everything else happens before and after it, in one transaction: token, signature,
address, protocol, a receipt under the request's key, the row locked by key and tenant, its version compared exactly,
and moved at the end.
"""

from .ddl import ddl
from .errors import Misconfigured, WritebackFailed
from .handler import Handlers, Reply, writeback_handler
from .request import Job
from .tx import Tx
from .verify import Refused, Rules, Verified, sign_reply, verify_request
from .version import same_version

__all__ = [
    "Handlers",
    "Job",
    "Misconfigured",
    "Refused",
    "Reply",
    "Rules",
    "Tx",
    "Verified",
    "WritebackFailed",
    "ddl",
    "same_version",
    "sign_reply",
    "verify_request",
    "writeback_handler",
]
