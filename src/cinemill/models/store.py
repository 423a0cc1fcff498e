"""Weights on disk: a folder per model under the data directory, where a file that is in place is the one that is meant.

Files come into place by a rename, after their digest was checked. Two processes that want the same model fetch it once.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from filelock import FileLock, Timeout

from cinemill.errors import DownloadFailed, LicenceNotAccepted, MissingModel, ModelRefused, OpenFailed, OutputRefused
from cinemill.models import download, incoming, registry
from cinemill.models.registry import File, Licence, Model, Provenance, Task, Tensor

Say = Callable[[str], None]
_ENTRY = "model.yaml"
_SAFE = (".onnx", ".safetensors", ".data")
"""How names of files end that carry no program."""
_LARGEST = 16 * 2**30
"""Bytes that an exported model may unfold to."""


def _aloud(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def path(name: str) -> Path:
    """The file of a model that is loaded; others lie beside it as they are named. Looks at no digest.

    Raises UnknownName, and MissingModel with how to get it.
    """
    model = registry.find(name)
    if not is_here(model):
        raise _missing(model)
    return place(model) / model.files[0].name


def place(model: Model) -> Path:
    """The model's folder, whether or not it is there."""
    return registry.folder() / model.name


def is_here(model: Model) -> bool:
    """Whether every file that it needs is in place."""
    return all((place(model) / file.name).is_file() for file in model.files if not file.optional)


def size_here(model: Model) -> int:
    """Bytes that it takes on disk."""
    return sum(file.stat().st_size for file in place(model).rglob("*") if file.is_file())


def get(
    name: str,
    accept_license: bool = False,
    offline: bool | None = None,
    say: Say = _aloud,
    progress: download.Progress | None = None,
) -> Path:
    """The file that is loaded, fetched first where it is not here; what is here is checked, and mended when damaged.

    `accept_license` agrees to terms that forbid commercial use, once and for all. `offline`: None asks the settings.
    `say` is told what the user has to know. Raises UnknownName, LicenceNotAccepted, MissingModel when nothing may be
    fetched, DownloadFailed, DiskFull, OutputRefused when there is no place for models.
    """
    model = registry.find(name)
    _agree(model, accept_license, say)
    if not (model.used_by or model.is_imported or is_here(model)):
        say(f"{model.name}: no filter or engine of cinemill runs it yet; it is fetched for other programs.")
    must_stay = download.is_offline() if offline is None else offline
    with _alone(model, say):
        wrong = [check.file for check in _checks(model) if check.state in ("missing", "bad")]
        if wrong and (must_stay or model.is_imported):
            raise _missing(model, offline=must_stay)
        for file in model.files if wrong else ():
            if file in wrong or not (place(model) / file.name).exists():
                _fetch(model, file, say, progress)
    return place(model) / model.files[0].name


@dataclass(frozen=True)
class Check:
    """`unknown` is a file that nobody has published a digest of and that was not fetched by us."""

    file: File
    state: Literal["good", "bad", "missing", "unknown"]


def verify(name: str) -> list[Check]:
    """Every file of the model against its digest. Raises UnknownName."""
    return list(_checks(registry.find(name)))


def remove(name: str) -> int:
    """Delete the model's files; how many bytes that gave back. Raises UnknownName."""
    folder = registry.folder() / name
    is_imported = registry.NAME.fullmatch(name) and (folder / _ENTRY).exists()
    if not is_imported:  # which may be unreadable
        registry.find(name)
    freed = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    shutil.rmtree(folder, ignore_errors=True)
    return freed


def import_file(
    source: Path,
    name: str,
    task: Task = "upscale",
    licence: str = "unknown",
    description: str = "",
    accept_license: bool = False,
    say: Say = _aloud,
) -> Model:
    """Take a file into the store under a name of its own, or as a file of a model of ours that it is.

    Only what is safe to read is taken. Raises ModelRefused, OpenFailed, LicenceNotAccepted, UnknownName.
    """
    if not source.is_file():
        raise OpenFailed(f"{source} is not a file.")
    if name in registry.ours():
        return _adopt(registry.ours()[name], source, accept_license, say)
    refuse_taken(name)
    found = incoming.examine(source)
    files = tuple(File(name=each, sha256=_digest(source.parent / each)) for each in found.files)
    model = Model(
        name=name,
        description=description or f"{found.description}, from {source.name}.",
        task=task,
        used_by="",
        loader=found.loader,
        licence=Licence(name=licence, commercial="unclear"),
        tensor=found.tensor,
        files=files,
    )
    _take(model, source.parent)
    return model


def refuse_taken(name: str, replace: bool = False) -> None:
    """Refuse a name that a model cannot have, or that one has already. Raises ModelRefused."""
    if not registry.NAME.fullmatch(name):
        raise ModelRefused(
            f"a model cannot be called {name!r}: lower-case letters, digits, dots and hyphens make a name."
        )
    if name in registry.ours():
        raise ModelRefused(f"{name} is a model of the registry; choose another name.")
    if (registry.folder() / name).exists() and not replace:
        raise ModelRefused(f"there is a model called {name}; choose another name, or `cinemill models remove {name}`.")


def keep(
    source: Path,
    name: str,
    task: Task,
    description: str,
    used_by: str,
    tensor: Tensor | None,
    provenance: Provenance,
    replace: bool = False,
) -> Model:
    """Take an ONNX file that was made here into the store. Raises ModelRefused."""
    refuse_taken(name, replace)
    model = Model(
        name=name,
        description=description,
        task=task,
        used_by=used_by,
        loader="onnx",
        licence=Licence(name="the maker's own", commercial="yes", note="made by its user"),
        tensor=tensor,
        files=(File(name=f"{name}.onnx", sha256=_digest(source)),),
        provenance=provenance,
    )
    if replace:
        remove_if_there(name)
    with tempfile.TemporaryDirectory(prefix="cinemill-") as room:
        shutil.copyfile(source, Path(room, f"{name}.onnx"))
        _take(model, Path(room))
    return model


def remove_if_there(name: str) -> None:
    """Delete an imported model's files, if there are any."""
    if (registry.folder() / name).exists():
        remove(name)


def pack(name: str, output: Path) -> Model:
    """Write a model of the user's, its files and what is known of it, into a zip file for others.

    Raises UnknownName, ModelRefused for ours and for files that are not safe to pass on, OutputRefused.
    """
    model = registry.find(name)
    if not model.is_imported:
        raise ModelRefused(f"{name} is a model of the registry; others get it with `cinemill models get {name}`.")
    if not is_here(model):
        raise _missing(model)
    if other := [file.name for file in model.files if not file.name.endswith(_SAFE)]:
        raise ModelRefused(
            f"{other[0]} of {name} is a pickle; what is passed on is safetensors or ONNX. `cinemill models convert "
            f"{name}` makes ONNX of it."
        )
    passing = output.with_name(f".{output.name}.part")
    try:
        with zipfile.ZipFile(passing, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in (*(file.name for file in model.files), _ENTRY):
                archive.write(place(model) / file, file)
        passing.replace(output)
    except OSError as error:
        passing.unlink(missing_ok=True)
        raise OutputRefused(f"{output} cannot be written: {error.strerror}.") from None
    return model


def unpack(source: Path, name: str | None = None) -> Model:
    """Take a model in from a zip file that `pack` made, under its own name or another.

    Raises ModelRefused for what is not safe or not whole, OpenFailed for what is no such file.
    """
    from pydantic import ValidationError

    try:
        with zipfile.ZipFile(source) as archive, tempfile.TemporaryDirectory(prefix="cinemill-") as room:
            inside = [member.filename for member in archive.infolist()]
            if sum(member.file_size for member in archive.infolist()) > _LARGEST:
                raise ModelRefused(f"{source} would unfold to more than {_LARGEST >> 30} GiB.")
            if strange := [file for file in inside if file != _ENTRY and not file.endswith(_SAFE)]:
                raise ModelRefused(f"{source} holds {strange[0]}; only safetensors and ONNX are taken.")
            archive.extract(_ENTRY, room)
            facts: dict[str, Any] = registry.read(Path(room, _ENTRY))
            model = registry.entry(name or source.stem, facts)
            if missing := [file.name for file in model.files if file.name not in inside or not file.sha256]:
                raise ModelRefused(f"{source} lacks {missing[0]}, or its digest; have it made anew.")
            for file in model.files:
                archive.extract(file.name, room)
            refuse_taken(model.name)
            incoming.examine(Path(room, model.files[0].name))
            _take(model, Path(room))
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise OpenFailed(f"{source} is no model that was exported ({error}).") from None
    except (ValidationError, TypeError) as error:
        raise ModelRefused(f"what {source} says of itself is wrong: {error}") from None
    return model


def _missing(model: Model, offline: bool = False) -> MissingModel:
    if model.is_imported:
        return MissingModel(
            f"the files of model {model.name} are gone or damaged; import them again.", model=model.name
        )
    size = f" ({model.size / 1e6:.1f} MB)" if model.size else ""
    why = " and nothing may be fetched (offline); on a machine that may," if offline else ";"
    return MissingModel(
        f"model {model.name} is not here{why} `cinemill models get {model.name}` fetches it{size}.", model=model.name
    )


@contextmanager
def _alone(model: Model, say: Say) -> Generator[None]:
    """While nobody else on this machine changes the model's files."""
    folder = _made(registry.folder() / ".locks")
    lock = FileLock(folder / f"{model.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"another process is fetching {model.name}; waiting for it.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _made(folder: Path) -> Path:
    """`folder`, which is there afterwards. Raises OutputRefused."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputRefused(
            f"models cannot be kept in {registry.folder()}: {error.strerror}; CINEMILL_DATA_DIR names another place."
        ) from None
    return folder


def _agree(model: Model, accept: bool, say: Say) -> None:
    """Terms that forbid commercial use are agreed to once per model, for as long as they are the same."""
    licence = model.licence
    if licence.commercial == "unclear" and not is_here(model):
        say(f"{model.name}: {terms(licence)}; look into it before you use it for money.")
    if licence.commercial != "no" or _accepted().get(model.name) == licence.name:
        return
    if not accept:
        raise LicenceNotAccepted(
            f"{model.name} is under {terms(licence)}. `cinemill models get {model.name} --accept-license` agrees to "
            "that, once and for all.",
            model=model.name,
            licence=licence.name,
        )
    _remember(model)


def terms(licence: Licence) -> str:
    """A licence in a few words."""
    words = (
        licence.note
        or {"no": "no commercial use", "unclear": "commercial use is unclear", "yes": ""}[licence.commercial]
    )
    return f"{licence.name} ({words})" if words else licence.name


def _accepted() -> dict[str, str]:
    with suppress(OSError, ValueError):
        return json.loads(_agreements().read_text("utf-8"))
    return {}


def _agreements() -> Path:
    return registry.folder() / "accepted-licences.json"


def _remember(model: Model) -> None:
    with FileLock(_made(registry.folder()) / ".accepted.lock"):
        whole = json.dumps(_accepted() | {model.name: model.licence.name}, indent=1)
        new = _agreements().with_suffix(".new")
        new.write_text(whole, "utf-8")
        new.replace(_agreements())


def _checks(model: Model) -> Iterator[Check]:
    for file in model.files:
        where, known = place(model) / file.name, _known(model, file)
        if not where.is_file():
            if not file.optional:
                yield Check(file, "missing")
        elif known is None:
            yield Check(file, "unknown")
        else:
            yield Check(file, "good" if _digest(where) == known else "bad")


def _known(model: Model, file: File) -> str | None:
    """The digest that counts: the published one, or that of the first download."""
    if file.sha256:
        return file.sha256
    with suppress(OSError):
        return _record(model, file).read_text("utf-8").split()[0]
    return None


def _record(model: Model, file: File) -> Path:
    where = place(model) / file.name
    return where.with_name(where.name + ".sha256")


def _digest(file: Path) -> str:
    import pooch

    return pooch.file_hash(str(file))


def _fetch(model: Model, file: File, say: Say, progress: download.Progress | None) -> None:
    """Bring one file into place. pooch keeps what is not the file that is meant out of it."""
    import pooch

    assert file.url
    where, known = place(model) / file.name, _known(model, file)
    source, part = download.address(file.url), where.with_name(f".{where.name}.part")

    def into(url: str, target: Any, pooch: Any) -> None:
        download.fetch(url, part, file.bytes, bool(known or file.sha256_prefix), progress=_named(file, progress))
        if file.sha256_prefix and not _digest(part).startswith(file.sha256_prefix):
            raise ValueError
        part.replace(target)
        download.forget(part)

    where.parent.mkdir(parents=True, exist_ok=True)
    pooch.get_logger().setLevel("WARNING")
    while True:
        was_begun = part.exists()
        try:
            digest = f"sha256:{known}" if known else None
            pooch.retrieve(source, digest, where.name, where.parent, downloader=cast(Any, into))
            break
        except DownloadFailed as error:
            if file.optional and error.facts.get("status") in (404, 410):
                return
            raise
        except ValueError:  # pooch's word for another digest
            download.forget(part)
            if not was_begun:  # the first half may have been of another version
                raise _other_file(model, file, source, known) from None
    _trust(model, file, say)


def _named(file: File, progress: download.Progress | None) -> download.Progress | None:
    return (lambda _, here, total: progress(file.name, here, total)) if progress else None


def _other_file(model: Model, file: File, source: str, known: str | None) -> DownloadFailed:
    meant = f"{known[:12]}…" if known else f"{file.sha256_prefix}…"
    return DownloadFailed(
        f"{source} is not the {file.name} that {model.name} means: its SHA-256 is not {meant} Nothing of it was kept. "
        "The publisher may have replaced it, or something on the way has.",
        model=model.name,
        url=source,
    )


def _trust(model: Model, file: File, say: Say) -> None:
    """From now on the digest of what came first is the one that counts."""
    if _known(model, file):
        return
    digest = _digest(place(model) / file.name)
    _record(model, file).write_text(f"{digest}  {Path(file.name).name}\n", "utf-8")
    how = "only begins to be known" if file.sha256_prefix else "was not published"
    say(f"{model.name}: the digest of {file.name} {how}; this download is trusted, with SHA-256 {digest}.")


def _adopt(model: Model, source: Path, accept: bool, say: Say) -> Model:
    """Put a file of one of our models in place, as a download would: for machines without a network."""
    digest = _digest(source)
    fitting = [file for file in model.files if _known(model, file) == digest] or [
        file
        for file in model.files
        if Path(file.name).name == source.name and not file.sha256 and digest.startswith(file.sha256_prefix or "")
    ]
    if not fitting:
        names = ", ".join(file.name for file in model.files)
        raise ModelRefused(f"{source} with SHA-256 {digest} is none of the files of {model.name}: {names}.")
    _agree(model, accept, say)
    with _alone(model, say):
        where = place(model) / fitting[0].name
        where.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=where.parent, prefix=".import-") as room:
            copy = Path(shutil.copy(source, room))
            copy.replace(where)
        _trust(model, fitting[0], say)
    return model


def _take(model: Model, source: Path) -> None:
    """Copy an imported model's files; its folder appears when it is whole."""
    room = Path(tempfile.mkdtemp(dir=_made(registry.folder()), prefix=".import-"))
    try:
        for file in model.files:
            (room / file.name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / file.name, room / file.name)
            if _digest(room / file.name) != file.sha256:
                raise ModelRefused(f"{source / file.name} changed while it was read; try again.")
        registry.write(model, room / _ENTRY)
        room.chmod(0o755)  # mkdtemp makes it private
        room.rename(place(model))
    finally:
        shutil.rmtree(room, ignore_errors=True)
