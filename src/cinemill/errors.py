"""What can go wrong, as one tree. A class carries its exit code, HTTP status and whether trying again may help.

    CinemillError              exit  http  retry
    RequestError               2     422   no       what was asked cannot be done as asked
      InvalidParams            2     422   no       a parameter has a wrong value or name
      UnknownName              2     422   no       no filter, operation, preset or job has this name
      UnsupportedMedia         2     422   no       the media cannot be treated this way without a loss
        NotTaken               2     415   no       a server does not take such files
      OutputRefused            2     422   no       the output exists, is the input, or cannot be written
      ModelRefused             2     422   no       weights that are not safe to read, or not what can be used
      NotAllowed               2     403   no       a server does not do this, or not for whoever asks
        NoToken                2     401   no       a server wants a token, and this is none or a wrong one
      NotHere                  2     404   no       a server has no job or file of this id
      TooLarge                 2     413   no       more bytes than a server takes
      TooMany                  2     429   yes      more requests than a server takes
    MissingResource            3     424   no       something must be installed first
      MissingEngine            3     424   no       an engine is not installed
      MissingModel             3     424   no       a model's weights are not here
      LicenceNotAccepted       3     424   no       weights under terms that must be agreed to first
      DownloadFailed           3     424   yes      a file cannot be fetched, or is not the one that is meant
    MediaError                 4     422   no       the file itself
      OpenFailed               4     422   no       not there, empty, or not media
      NoSuchStream             4     422   no       media, but without the stream that is needed
      DecodeFailed             4     422   no       nothing could be decoded from a stream
    EngineError                5     502   yes      a program or model in another process
      EngineCrashed            5     502   yes      it died
      EngineTimeout            5     502   yes      it did not answer in time
      ProtocolError            5     502   yes      it answered nonsense
      EngineRefused            5     502   no       it says why it will not
    ResourceError              6     507   no       the machine
      OutOfMemory              6     507   smaller  too little memory on a device
      DiskFull                 6     507   no       too little room for what has to be written
    JobError                   7     409   no       the job as a whole
      PlanMismatch             7     409   no       parts of another plan are in the way
      JobRunning               7     409   no       another process is working on it
      ChunkFailed              7     409   no       some chunks failed, the others are done and kept
      UploadFailed             7     502   yes      the output is made, but cannot be sent where it belongs
      JobDied                  7     409   yes      the process of a queued job ended without a word
      JobStalled               7     409   yes      the process of a queued job did nothing any more
      QueueFull                7     429   yes      a server has as many jobs waiting as it takes

`Cancelled` stands outside the tree: it is control flow and never logged as an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, ClassVar, Literal

Retry = Literal["no", "yes", "smaller"]


class CinemillError(Exception):
    """Base of all errors a user may meet. The sentence says what was asked, what was found, what to do next."""

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    retry: ClassVar[Retry] = "no"

    def __init__(self, sentence: str, **facts: Any) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.facts = facts

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors cross process borders; the default would drop the facts.
        return _rebuild, (type(self), self.sentence, self.facts)

    def as_dict(self) -> dict[str, Any]:
        """JSON-safe description: class name, sentence and facts."""
        facts = {k: v if isinstance(v, int | float | str | None) else str(v) for k, v in self.facts.items()}
        return {"type": type(self).__name__, "message": self.sentence, **facts}


def from_dict(told: dict[str, Any]) -> CinemillError:
    """The error that `as_dict` described, as another process or server met it."""
    facts = {str(key): value for key, value in told.items() if key not in ("type", "message")}
    cls = globals().get(str(told.get("type")))
    known = cls if isinstance(cls, type) and issubclass(cls, CinemillError) else CinemillError
    return _rebuild(known, str(told.get("message", "it failed and did not say why.")), facts)


def _rebuild(cls: type[CinemillError], sentence: str, facts: dict[str, Any]) -> CinemillError:
    error = cls.__new__(cls)
    CinemillError.__init__(error, sentence, **facts)
    return error


class RequestError(CinemillError, ValueError):
    exit_code = 2
    http_status = 422


class InvalidParams(RequestError):
    pass


_NAMED = 20
"""Names that a sentence holds."""


class UnknownName(RequestError):
    """Composed from the kind of thing, the name that was asked for and the names there are."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        near = get_close_matches(name, known, n=3, cutoff=0.5)
        more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
        there_are = f"there are: {', '.join(known[:_NAMED]) or 'none'}{more}."
        hint = f"did you mean {' or '.join(near)}?" if near else there_are
        super().__init__(f"no {kind} is called {name!r}; {hint}", kind=kind, name=name)


class UnsupportedMedia(RequestError):
    pass


class NotTaken(UnsupportedMedia):
    """A file that is not what the studio works with, whatever it is called."""

    http_status = 415


class OutputRefused(RequestError):
    pass


class ModelRefused(RequestError):
    pass


class NotAllowed(RequestError):
    http_status = 403


class NoToken(NotAllowed):
    http_status = 401


class NotHere(RequestError):
    http_status = 404


class TooLarge(RequestError):
    http_status = 413


class TooMany(RequestError):
    http_status = 429
    retry = "yes"


class MissingResource(CinemillError, LookupError):
    exit_code = 3
    http_status = 424


class MissingEngine(MissingResource):
    pass


class MissingModel(MissingResource):
    pass


class LicenceNotAccepted(MissingResource):
    pass


class DownloadFailed(MissingResource):
    retry = "yes"


class MediaError(CinemillError):
    exit_code = 4
    http_status = 422


class OpenFailed(MediaError):
    pass


class NoSuchStream(MediaError):
    pass


class DecodeFailed(MediaError):
    pass


class EngineError(CinemillError):
    exit_code = 5
    http_status = 502
    retry = "yes"


class EngineCrashed(EngineError):
    pass


class EngineTimeout(EngineError):
    pass


class ProtocolError(EngineError):
    pass


class EngineRefused(EngineError):
    retry = "no"


class ResourceError(CinemillError):
    exit_code = 6
    http_status = 507


class OutOfMemory(ResourceError):
    retry = "smaller"


class DiskFull(ResourceError):
    pass


class JobError(CinemillError):
    exit_code = 7
    http_status = 409


class PlanMismatch(JobError):
    pass


class JobRunning(JobError):
    pass


class ChunkFailed(JobError):
    pass


class UploadFailed(JobError):
    http_status = 502
    retry = "yes"


class JobDied(JobError):
    retry = "yes"


class JobStalled(JobError):
    retry = "yes"


class QueueFull(JobError):
    http_status = 429
    retry = "yes"


class Cancelled(BaseException):
    """The user asked to stop. Exit code 130; parts that are finished stay."""

    exit_code = 130
