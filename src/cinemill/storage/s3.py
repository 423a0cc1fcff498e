"""Files in S3 and what speaks its language (R2, MinIO, Ceph), by s3fs.

Where and as whom: STORAGE_*, then BUCKET_*, then what AWS's own tools read (AWS_*, profiles, roles of machines).
STORAGE_ENDPOINT_URL, STORAGE_ACCESS_KEY_ID, STORAGE_SECRET_ACCESS_KEY, STORAGE_REGION, STORAGE_BUCKET, STORAGE_PREFIX;
STORAGE_ACCOUNT_ID is an account of R2. BUCKET_ENDPOINT_URL may have the bucket in its host, as RunPod writes it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

from cinemill.errors import (
    CinemillError,
    DownloadFailed,
    InvalidParams,
    MissingResource,
    NotAllowed,
    OpenFailed,
    OutputRefused,
    UploadFailed,
)
from cinemill.storage.landing import Landing, Version, seconds

_PIECE: Final = 16 << 20
"""Bytes of a piece of an upload or a download."""
_PIECES: Final = 9000
"""Pieces of an upload at most; S3 takes 10 000."""
_TRIES: Final = 6
_SKEW: Final = 600.0
"""Seconds that clocks may differ; S3 refuses more than 900."""
_LONGEST: Final = 7 * 24 * 3600
"""Seconds that S3 lets an address be signed for."""


@dataclass(frozen=True)
class Account:
    """Where, and as whom. None leaves it to AWS's own rules."""

    endpoint: str | None = None
    key: str | None = None
    secret: str | None = None
    token: str | None = None
    region: str | None = None
    bucket: str | None = None
    prefix: str = ""


def account() -> Account:
    """What the environment says. Raises InvalidParams for half of it."""
    for family in ("STORAGE", "BUCKET"):
        said = {field: _said(family, *names) for field, names in _NAMES.items()}
        account_id = _said(family, "ACCOUNT_ID")
        endpoint = said["endpoint"] or (f"https://{account_id}.r2.cloudflarestorage.com" if account_id else None)
        if not (endpoint or said["key"] or said["bucket"]):
            continue
        if bool(said["key"]) != bool(said["secret"]):
            raise InvalidParams(f"{family}_ACCESS_KEY_ID and {family}_SECRET_ACCESS_KEY go together; one is missing.")
        endpoint, bucket = _parted(endpoint, said["bucket"])
        is_r2 = "r2.cloudflarestorage" in (endpoint or "")
        return Account(
            endpoint,
            said["key"],
            said["secret"],
            said["token"],
            said["region"] or ("auto" if is_r2 else None),
            bucket,
            (said["prefix"] or "").strip("/"),
        )
    return Account(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None)


_NAMES: Final = {
    "endpoint": ("ENDPOINT_URL", "ENDPOINT", "URL"),
    "key": ("ACCESS_KEY_ID", "ACCESS_KEY"),
    "secret": ("SECRET_ACCESS_KEY", "SECRET_KEY"),
    "token": ("SESSION_TOKEN",),
    "region": ("REGION",),
    "bucket": ("BUCKET", "BUCKET_NAME", "NAME"),
    "prefix": ("PREFIX",),
}


def _said(family: str, *names: str) -> str | None:
    return next((value for name in names if (value := os.environ.get(f"{family}_{name}"))), None)


def _parted(endpoint: str | None, bucket: str | None) -> tuple[str | None, str | None]:
    """An endpoint and its bucket, which may stand in the host (bucket.s3.region.amazonaws.com) or in the path."""
    if endpoint is None:
        return None, bucket
    parts = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
    first, _, rest = parts.netloc.partition(".")
    if rest.startswith(("s3.", "s3-")):
        return f"{parts.scheme}://{rest}", bucket or first
    return f"{parts.scheme}://{parts.netloc}", bucket or parts.path.strip("/").partition("/")[0] or None


def destination(name: str) -> str | None:
    """The address under which a result called `name` is kept when nobody says where; None where no bucket is known."""
    where = account()
    if not where.bucket:
        return None
    return f"s3://{'/'.join(filter(None, [where.bucket, where.prefix, name]))}"


@lru_cache(maxsize=4)
def _files(where: Account) -> Any:
    try:
        import s3fs
    except ImportError:
        raise MissingResource("s3:// needs s3fs; `pip install 'cinemill[storage]'` brings it.") from None
    # Checksums in trailers are unknown to most of those who speak S3 and are not Amazon.
    careful = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
    return s3fs.S3FileSystem(
        endpoint_url=where.endpoint,
        key=where.key,
        secret=where.secret,
        token=where.token,
        client_kwargs={"region_name": where.region} if where.region else {},
        config_kwargs={
            "retries": {"max_attempts": _TRIES, "mode": "standard"},
            "connect_timeout": 15,
            "read_timeout": 60,
            **(careful if where.endpoint else {}),
        },
        use_listings_cache=False,
        skip_instance_cache=True,
    )


def fetch(address: str, place: Path, progress: object = None) -> None:
    """As `storage.fetch`, in ranges of the very version that was there at first."""
    landing = Landing(place)
    with _plainly(address, OpenFailed, DownloadFailed):
        files = _files(account())
        info = files.info(address, refresh=True)
        if info["type"] != "file":
            raise OpenFailed(f"{address} is not a file.")
        modified = info.get("LastModified")
        version = Version(str(info.get("ETag") or ""), int(info["size"]), modified.timestamp() if modified else 0.0)
        if landing.has(version):
            return
        start = landing.begin(version)
        if not version.size:
            raise OpenFailed(f"{address} is empty.")
        with files.open(address, "rb", cache_type="none") as source:
            source.seek(start)
            while block := source.read(_PIECE):
                start += len(block)
                landing.write(block)
                if callable(progress):
                    progress(start, version.size)
        if start != version.size:
            raise DownloadFailed(f"{address} ended after {start} of {version.size} bytes.")
        landing.end(version)


def store(source: Path, address: str, overwrite: bool, progress: object = None) -> None:
    """As `storage.store`: in pieces where it is large, and never in another's place unless that is allowed."""
    size = source.stat().st_size
    piece = max(_PIECE, -(-size // _PIECES))
    with _plainly(address, OutputRefused, UploadFailed):
        target = _files(account()).open(address, "wb" if overwrite else "xb", block_size=piece)
        try:
            with source.open("rb") as file:
                done = 0
                while block := file.read(piece):
                    target.write(block)
                    done += len(block)
                    if callable(progress):
                        progress(done, size)
            target.close()
        except BaseException:
            with suppress(Exception):
                target.discard()  # pieces without an end would be paid for
            target.closed = True
            raise


def check(address: str) -> None:
    """As `storage.check`."""
    with _plainly(address, OutputRefused, UploadFailed):
        files = _files(account())
        bucket, _, _ = files.split_path(address)
        try:
            files.call_s3("head_bucket", Bucket=bucket)
        except FileNotFoundError:
            raise OutputRefused(f"{address}: there is no bucket {bucket}; make it first, or name another.") from None
        except PermissionError as error:
            if _skew(error):
                raise  # else who may not look may still write


def exists(address: str) -> bool:
    """As `storage.exists`."""
    with _plainly(address, OutputRefused, UploadFailed):
        return bool(_files(account()).exists(address))


def remove(address: str) -> None:
    """Take a file away, if it is there."""
    with _plainly(address, OutputRefused, UploadFailed):
        files = _files(account())
        if files.exists(address):
            files.rm_file(address)


_REFUSALS: Final = ("PreconditionFailed", "ConditionalRequestConflict")
"""What a write is answered whose condition does not hold."""


@dataclass(frozen=True)
class Word:
    """A small object, the tag of this version of it, and how many seconds old it is by the clock of the storage."""

    data: bytes
    tag: str
    age: float


def read(address: str) -> Word | None:
    """A small object; None where there is none. Raises OpenFailed, DownloadFailed, NotAllowed."""
    with _plainly(address, OpenFailed, DownloadFailed):
        files = _files(account())
        from fsspec import asyn

        bucket, key, _ = files.split_path(address)
        try:
            answer = files.call_s3("get_object", Bucket=bucket, Key=key)
            data: Any = asyn.sync(files.loop, answer["Body"].read)
        except FileNotFoundError:
            return None
        now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        return Word(data, str(answer["ETag"]), (now - answer["LastModified"]).total_seconds())


def write(address: str, data: bytes, instead_of: str | None) -> bool:
    """Write a small object, if nothing is there, or else in place of the version with that tag; whether it was.

    Of several who do so at once, one does. Raises UploadFailed, OutputRefused, NotAllowed.
    """
    condition = {"IfMatch": instead_of} if instead_of else {"IfNoneMatch": "*"}
    with _plainly(address, OutputRefused, UploadFailed):
        files = _files(account())
        bucket, key, _ = files.split_path(address)
        try:
            files.call_s3("put_object", Bucket=bucket, Key=key, Body=data, **condition)
        except Exception as error:
            if instead_of and isinstance(error, FileNotFoundError) and _code(error) != "NoSuchBucket":
                return False
            if isinstance(error, FileExistsError) or _code(error) in _REFUSALS:
                return False
            raise
        return True


def names(folder: str) -> list[str]:
    """What lies directly in a folder, by name. Raises DownloadFailed, NotAllowed."""
    with _plainly(folder, OpenFailed, DownloadFailed):
        try:
            found = _files(account()).ls(folder, detail=False, refresh=True)
        except FileNotFoundError:
            return []
        return [path.rpartition("/")[2] for path in found]


def presigned(address: str, ttl: int | None = None) -> str:
    """As `storage.presigned`. Raises InvalidParams."""
    told = os.environ.get("PRESIGN_TTL", "")
    if ttl is None and told and not told.isdigit():
        raise InvalidParams(f"PRESIGN_TTL={told} is no number of seconds.")
    ttl = ttl if ttl is not None else int(told or 24 * 3600)
    if not 0 < ttl <= _LONGEST:
        raise InvalidParams(f"an address can be signed for 1 … {_LONGEST} s (a week), not for {ttl}.")
    with _plainly(address, OpenFailed, DownloadFailed):
        return str(_files(account()).sign(address, expiration=ttl))


@contextmanager
def _plainly(address: str, refused: type[CinemillError], broken: type[CinemillError]) -> Generator[None, None, None]:
    """What s3fs and botocore raise, in plain words."""
    try:
        yield
    except CinemillError:
        raise
    except FileNotFoundError:
        raise refused(f"{address} is not there.") from None
    except FileExistsError:
        raise refused(f"{address} exists already; add --overwrite to replace it, or choose another output.") from None
    except Exception as error:
        code = _code(error)
        if code == "PreconditionFailed":
            said = f"{address} exists already; add --overwrite to replace it, or choose another output."
            raise refused(said) from None
        if type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
            raise MissingResource(
                f"{address} needs credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or those of STORAGE_* "
                "or BUCKET_*."
            ) from None
        if (skew := _skew(error)) or code == "RequestTimeTooSkewed":
            much = f"is {skew / 60:.0f} min from that of the storage" if skew else "is wrong"
            said = f"{address}: the clock of this machine {much}, more than it allows; set it."
            raise NotAllowed(said) from error
        if isinstance(error, PermissionError):
            raise NotAllowed(f"{address} is refused: {_brief(error)}.") from error
        raise broken(f"{address}: {_brief(error)}.") from error


def _code(error: BaseException) -> str:
    """S3's own word for what is wrong."""
    return str(_response(error).get("Error", {}).get("Code", ""))


def _skew(error: BaseException) -> float:
    """Seconds by which our clock is wrong, where that is why something was refused: HEAD is answered without a word."""
    response = _response(error).get("ResponseMetadata", {})
    date = seconds(response.get("HTTPHeaders", {}).get("date"))
    skew = abs(time.time() - date)
    return skew if response.get("HTTPStatusCode") in (400, 403) and date and skew > _SKEW else 0.0


def _response(error: BaseException | None) -> dict[str, Any]:
    """What the storage answered, wherever it stands in the chain of causes."""
    while error is not None:
        response: object = getattr(error, "response", None)
        if isinstance(response, dict):
            return cast("dict[str, Any]", response)
        error = error.__cause__
    return {}


def _brief(error: Exception) -> str:
    text = " ".join(str(error.args[-1] if error.args else error).split()).rstrip(".")
    return text or type(error).__name__
