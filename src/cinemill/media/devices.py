"""What could be captured from on this machine: nothing is looked for before somebody asks.

Windows and macOS are asked through FFmpeg's listings, whose words are parsed here; Linux says it in /sys, /proc and to
ioctl. What a device is for goes by what it can do; only then by what it is called.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Literal

from cinemill.errors import EngineCrashed, MissingEngine, OpenFailed
from cinemill.media import program

System = Literal["dshow", "avfoundation", "v4l2", "firewire", "mock"]
Kind = Literal["analog", "dv", "sdi", "camera", "screen", "virtual", "unknown"]
Standard = Literal["pal", "ntsc", "secam"]


@dataclass(frozen=True, slots=True)
class Device:
    """Something that sends pictures. `id` is what it is opened by; two of one name differ in it."""

    id: str
    name: str
    system: System
    kind: Kind = "unknown"
    inputs: tuple[str, ...] = ()
    """Sockets to choose from, such as Composite and S-Video."""
    standards: tuple[Standard, ...] = ()
    sounds: tuple[str, ...] = ()
    """Where its sound comes from, likeliest first, as it is opened."""
    note: str | None = None
    """What is in the way of using it, in a sentence."""


_MOCKS: Final = (
    Device(
        "mock", "Mock deck", "mock", "analog", ("Composite", "S-Video"), ("pal", "ntsc"), note="plays no real tape."
    ),
    Device("mock-dv", "Mock DV deck", "mock", "dv", standards=("pal", "ntsc"), note="plays no real tape."),
)


def devices(mock: bool = False) -> list[Device]:
    """All there are, those that a tape is likely to come through first; with `mock`, decks that only play at it."""
    found = [*_of_system(), *(_MOCKS if mock else ())]
    order = ("dv", "analog", "sdi", "unknown", "camera", "virtual", "screen")
    return sorted(found, key=lambda device: order.index(device.kind))


def _of_system() -> Iterable[Device]:
    if sys.platform == "win32":
        return dshow(_listing("dshow", "dummy"))
    if sys.platform == "darwin":
        return avfoundation(_listing("avfoundation", ""))
    return [*v4l2(), *firewire()]


_LINES: Final = 10_000
"""Of a listing: the options of a device alone may be hundreds, and whoever streams has dozens of virtual devices."""


def _listing(format: str, address: str, what: str = "devices") -> str:
    """What FFmpeg lists of the devices of a format, or of one of them; it calls that an error each time."""
    arguments = ["-loglevel", "info", f"-list_{what}", "true", "-f", format, "-i", address]
    with contextlib.suppress(EngineCrashed), program.running(arguments, _LINES) as child:
        child.process.wait()
        return "\n".join(child.hear_out())
    return ""


_NAMED: Final = re.compile(r'^(?:\[[^\]]*\])?\s*"(.*)"(?:\s+\(([a-z, ]+)\))?\s*$')
_OTHERWISE: Final = re.compile(r'^(?:\[[^\]]*\])?\s*Alternative name\s+"(.*)"\s*$')
_HEADING: Final = re.compile(r"DirectShow (video|audio) devices")


def dshow(said: str) -> list[Device]:
    """The devices in a listing of DirectShow, as FFmpeg prints it, of old and new releases."""
    pictures: list[Device] = []
    sounds: list[str] = []
    section, last = "video", ""
    for line in said.splitlines():
        if heading := _HEADING.search(line):
            section = heading[1]
        elif named := _NAMED.match(line):
            last = named[2] or section
            if "video" in last:
                pictures.append(Device(named[1], named[1], "dshow"))
            elif "audio" in last:
                sounds.append(named[1])
        elif (other := _OTHERWISE.match(line)) and "video" in last:
            pictures[-1] = replace(pictures[-1], id=other[1])
    return [replace(one, kind=_kind(one), sounds=_paired(one.name, sounds)) for one in pictures]


_PIN: Final = re.compile(r'Crossbar Input Pin (\d+) - "(.*)" related input pin: (-?\d+)')


def crossbar(said: str) -> dict[str, int]:
    """Input sockets of a DirectShow device and their pin numbers, without those for sound."""
    pins = {name: int(number) for number, name, _ in _PIN.findall(said)}
    return {name: number for name, number in pins.items() if "audio" not in name.lower()}


_NUMBERED: Final = re.compile(r"^(?:\[[^\]]* @ [^\]]*\])?\s*\[(\d+)\] (.+?)\s*$")


def avfoundation(said: str) -> list[Device]:
    """The devices in a listing of AVFoundation, as FFmpeg prints it."""
    found: dict[str, list[tuple[str, str]]] = {"video": [], "audio": []}
    section = "video"
    for line in said.splitlines():
        if heading := re.search(r"AVFoundation (video|audio) devices", line):
            section = heading[1]
        elif numbered := _NUMBERED.match(line):
            found[section].append((numbered[1], numbered[2]))
    sounds = [name for _, name in found["audio"]]
    pictures = [Device(number, name, "avfoundation") for number, name in found["video"]]
    return [replace(one, kind=_kind(one), sounds=_paired(one.name, sounds)) for one in pictures]


# Names go last: what a device can do says more.
_WORDS: Final[tuple[tuple[Kind, str], ...]] = (
    ("virtual", r"virtual|\bobs\b|manycam|droidcam|ndi"),
    ("screen", r"capture screen|screen capture|desktop"),
    ("sdi", r"decklink|ultrastudio|blackmagic"),
    ("dv", r"\bdv\b|ieee ?1394|firewire|i\.?link|\bavc\b|camcorder"),
    (
        "analog",
        r"grab|em28|easycap|usb ?2?\.?0? video|usbtv|stk1160|composite|s-video|\btv\b|tuner|capture|hauppauge|pinnacle",
    ),
    ("camera", r"cam|kamera|cámara|facetime|isight|kinect"),
)


def _kind(device: Device) -> Kind:
    """By its sockets and standards, then by its name."""
    if device.standards or any(re.search("composite|s-video|component", socket, re.I) for socket in device.inputs):
        return "analog"
    for kind, words in _WORDS:
        if re.search(words, device.name, re.I):
            return kind
    return "unknown"


def _paired(name: str, sounds: Iterable[str]) -> tuple[str, ...]:
    """Sources of sound, those that share most words with `name` first."""
    words = set(re.findall(r"\w{3,}", name.lower()))
    return tuple(sorted(sounds, key=lambda sound: -len(words & set(re.findall(r"\w{3,}", sound.lower())))))


# From linux/videodev2.h: requests are _IOR or _IOWR of 'V', a number, and the size of what is exchanged.
_QUERYCAP: Final = 0x80685600
_ENUMINPUT: Final = 0xC050561A
_CAPTURES: Final = 0x1
_DEVICE_CAPS: Final = 0x80000000
_STANDARDS: Final[tuple[tuple[Standard, int], ...]] = (("pal", 0x00FF), ("ntsc", 0xF000), ("secam", 0xFF0000))


def v4l2(dev: Path = Path("/dev"), sys_: Path = Path("/sys"), proc: Path = Path("/proc")) -> list[Device]:
    """Video4Linux devices that capture, with the sound cards on the same plug."""
    found: list[Device] = []
    for entry in sorted((sys_ / "class/video4linux").glob("video*"), key=lambda path: int(path.name[5:] or 0)):
        try:
            name = (entry / "name").read_text("utf-8", "replace").strip()
        except OSError:
            continue
        node = dev / entry.name
        inputs, standards, note = _asked(node)
        if inputs is None:
            continue
        device = Device(str(node), name, "v4l2", "unknown", inputs, standards, tuple(_cards(entry, sys_, proc)), note)
        found.append(replace(device, kind=_kind(device)))
    return found


def _asked(node: Path) -> tuple[tuple[str, ...] | None, tuple[Standard, ...], str | None]:
    """Sockets, standards and what is in the way; None for sockets where it does not capture pictures."""
    import fcntl

    try:
        handle = os.open(node, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        return (), (), f"it cannot be opened: {error.strerror}."
    try:
        return *_capabilities(partial(fcntl.ioctl, handle)), None
    finally:
        os.close(handle)


def _capabilities(ask: partial[int]) -> tuple[tuple[str, ...] | None, tuple[Standard, ...]]:
    told = bytearray(104)
    try:
        ask(_QUERYCAP, told)
    except OSError:
        return None, ()
    all_caps, own = struct.unpack_from("<II", told, 84)
    if not (own if all_caps & _DEVICE_CAPS else all_caps) & _CAPTURES:
        return None, ()
    inputs: list[str] = []
    bits = 0
    for number in range(64):
        entry = bytearray(80)
        struct.pack_into("<I", entry, 0, number)
        try:
            ask(_ENUMINPUT, entry)
        except OSError:
            break
        inputs.append(bytes(entry[4:36]).split(b"\0")[0].decode("utf-8", "replace"))
        bits |= struct.unpack_from("<Q", entry, 48)[0]
    return tuple(inputs), tuple(name for name, mask in _STANDARDS if bits & mask)


def _cards(entry: Path, sys_: Path, proc: Path) -> Iterator[str]:
    """ALSA's cards that can record, those on the same plug as the pictures first."""
    plug = _plug(entry / "device")
    cards: list[tuple[bool, str]] = []
    for card in sorted((sys_ / "class/sound").glob("card*")):
        number = card.name[4:]
        if any((proc / f"asound/card{number}").glob("pcm*c")):
            cards.append((_plug(card / "device") != plug or plug is None, f"hw:{number}"))
    yield from (name for _, name in sorted(cards))


def _plug(device: Path) -> Path | None:
    """The USB or PCI device that something is a part of."""
    try:
        place = device.resolve(strict=True)
    except OSError:
        return None
    return next((up for up in (place, *place.parents) if (up / "idVendor").exists() or (up / "vendor").exists()), None)


_AVC: Final = ("0x00a02d", "0x010001")
"""Who makes the rules (1394 TA), and that the device keeps to AV/C."""


def firewire(sys_: Path = Path("/sys")) -> list[Device]:
    """DV decks and cameras on FireWire, whose units say that they keep to AV/C."""
    found: list[Device] = []
    for device in sorted((sys_ / "bus/firewire/devices").glob("fw*")):
        units = [unit for unit in device.glob("fw*.*") if _told(unit / "specifier_id") == _AVC[0]]
        if not any(_told(unit / "version") == _AVC[1] for unit in units):
            continue
        name = " ".join(filter(None, (_told(device / "vendor_name"), _told(device / "model_name")))) or "DV device"
        note = None if shutil.which("dvgrab") else "its stream comes through dvgrab, which is not installed."
        found.append(Device(_told(device / "guid") or device.name, name, "firewire", "dv", note=note))
    return found


def _told(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def find(asked: str | None, known: Iterable[Device]) -> Device:
    """The device of that id or name, or the first that there is. Raises OpenFailed with what there is."""
    known = list(known)
    if asked is None and known:
        return known[0]
    fitting = [one for one in known if asked in (one.id, one.name)]
    fitting = fitting or [one for one in known if asked and asked.lower() in one.name.lower()]
    if len(fitting) > 1:
        raise OpenFailed(
            f"{asked} may be any of {', '.join(f'{one.name} ({one.id})' for one in fitting)}; name its id."
        )
    if fitting:
        return fitting[0]
    there = ", ".join(f"{one.name} ({one.id})" for one in known)
    if there:
        raise OpenFailed(f"no device is called {asked}; there are {there}.")
    raise OpenFailed(
        "no capture device was found on this machine. Plug one in; --device mock plays a tape to try with."
    )


def grabber(device: Device) -> list[str]:
    """The program that sends what a deck on FireWire plays to its standard output, as it comes. Raises MissingEngine.

    Without splitting, so that the whole tape is one stream. dvgrab tells the deck to play.
    """
    dvgrab = shutil.which("dvgrab")
    if dvgrab is None:
        raise MissingEngine(f"{device.name} needs dvgrab, which is not installed: `apt install dvgrab` brings it.")
    chosen = ["-guid", device.id.removeprefix("0x")] if device.id.startswith("0x") else []
    return [dvgrab, *chosen, "-format", "raw", "-size", "0", "-"]


Source = tuple[str, str | None, dict[str, str]]
"""What libavdevice opens: address, format, options."""


def sources(device: Device, socket: str | None = None, standard: str | None = None) -> list[Source]:
    """How a device is opened, pictures first, at one of its sockets. Raises OpenFailed."""
    if device.system in ("firewire", "mock"):
        other = (
            "its stream comes through dvgrab." if device.system == "firewire" else "it needs an FFmpeg with DeckLink."
        )
        raise OpenFailed(f"{device.name} cannot be opened here: {device.note or other}")
    if device.system == "dshow":
        pins = crossbar(_listing("dshow", f"video={device.id}", "options")) if socket else {}
        chosen = {"crossbar_video_input_pin_number": str(pins[_socket(socket, device, list(pins))])} if socket else {}
        sound = f":audio={device.sounds[0]}" if device.sounds else ""
        return [(f"video={device.id}{sound}", "dshow", {"rtbufsize": "256M", **chosen})]
    if device.system == "avfoundation":
        return [(f"{device.id}:{device.sounds[0] if device.sounds else 'none'}", "avfoundation", {})]
    options = {"standard": standard.upper()} if standard else {}
    if socket:
        options["channel"] = str(device.inputs.index(_socket(socket, device, device.inputs)))
    return [(device.id, "video4linux2", options), *((sound, "alsa", {}) for sound in device.sounds[:1])]


def _socket(asked: str, device: Device, known: Iterable[str]) -> str:
    known = list(known)
    fitting = [name for name in known if asked.lower() in name.lower()]
    if not fitting:
        raise OpenFailed(f"{device.name} has no input {asked}; it has {', '.join(known) or 'only one'}.")
    return fitting[0]
