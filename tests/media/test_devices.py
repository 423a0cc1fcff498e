"""Devices by the listings of systems that are not this one, with odd names, and by trees like those of Linux."""

from __future__ import annotations

import struct
from functools import partial
from pathlib import Path

import pytest

from cinemill.errors import MissingEngine, OpenFailed
from cinemill.media import devices, program
from cinemill.media.devices import Device

DSHOW = r"""
[dshow @ 000001d4] "USB Video Device" (video)
[dshow @ 000001d4]   Alternative name "@device_pnp_\\?\usb#vid_eb1a&pid_2861#5&1#{65e8773d}\global"
[dshow @ 000001d4] "USB Video Device" (video)
[dshow @ 000001d4]   Alternative name "@device_pnp_\\?\usb#vid_eb1a&pid_2861#5&2#{65e8773d}\global"
[dshow @ 000001d4] "Kamera "vorn" – Größe 2" (video)
[dshow @ 000001d4]   Alternative name "@device_pnp_\\?\cam"
[dshow @ 000001d4] "OBS Virtual Camera" (none)
[dshow @ 000001d4]   Alternative name "@device_sw_{860BB310}\{A3FCE0F5}"
[dshow @ 000001d4] "Microsoft DV Camera and VCR" (audio, video)
[dshow @ 000001d4]   Alternative name "@device_pnp_\\?\avc#panasonic"
[dshow @ 000001d4] "Микрофон (USB Audio)" (audio)
[dshow @ 000001d4]   Alternative name "@device_cm_{33D9A762}\wave_1"
[dshow @ 000001d4] "Line (USB Video Device Audio)" (audio)
[dshow @ 000001d4]   Alternative name "@device_cm_{33D9A762}\wave_2"
dummy: Immediate exit requested
"""
OLD_DSHOW = """
[dshow @ 0000] DirectShow video devices (some may be both video and audio devices)
[dshow @ 0000]  "EasyCAP"
[dshow @ 0000]     Alternative name "@device_pnp_easy"
[dshow @ 0000] DirectShow audio devices
[dshow @ 0000]  "EasyCAP Audio"
[dshow @ 0000]     Alternative name "@device_cm_easy"
"""
CROSSBAR = """
[dshow @ 00] Crossbar Switching Information for USB 2861 Device:
[dshow @ 00]   Crossbar Output Pin 0: "Video Decoder" related output pin: 1 current input pin: 0
[dshow @ 00]   Crossbar Input Pin 0 - "Video Composite" related input pin: 2
[dshow @ 00]   Crossbar Input Pin 1 - "S-Video" related input pin: 2
[dshow @ 00]   Crossbar Input Pin 2 - "Audio Line" related input pin: -1
"""
AVFOUNDATION = """
[AVFoundation indev @ 0x7fb] AVFoundation video devices:
[AVFoundation indev @ 0x7fb] [0] FaceTime HD Camera
[AVFoundation indev @ 0x7fb] [1] Elgato Video Capture [USB]
[AVFoundation indev @ 0x7fb] [2] Capture screen 0
[AVFoundation indev @ 0x7fb] AVFoundation audio devices:
[AVFoundation indev @ 0x7fb] [0] MacBook Pro Microphone
[AVFoundation indev @ 0x7fb] [1] Elgato Audio
"""


def test_directshow_is_read_with_odd_names_and_twins() -> None:
    found = devices.dshow(DSHOW)
    assert [one.name for one in found] == [
        "USB Video Device",
        "USB Video Device",
        'Kamera "vorn" – Größe 2',
        "Microsoft DV Camera and VCR",
    ]
    assert len({one.id for one in found}) == 4
    assert [one.kind for one in found] == ["analog", "analog", "camera", "dv"]
    assert found[0].sounds[0] == "Line (USB Video Device Audio)"


def test_long_listings_are_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = "".join(
        f'[dshow @ 000001d4] "Virtual Camera {number}" (video)\n'
        f'[dshow @ 000001d4]   Alternative name "@device_sw_{{{number}}}"\n'
        for number in range(150)
    )
    listing = tmp_path / "listing"
    listing.write_text(DSHOW.replace("dummy: Immediate", f"{many}dummy: Immediate"), "utf-8")
    ffmpeg = script(tmp_path / "ffmpeg", f"cat {listing} >&2; exit 1")
    monkeypatch.setattr(program, "ffmpeg", lambda: str(ffmpeg))
    found = devices.dshow(devices._listing("dshow", "dummy"))
    assert len(found) == 4 + 150
    assert (found[0].name, found[-1].name) == ("USB Video Device", "Virtual Camera 149")
    assert found[-1].id == "@device_sw_{149}"


def script(path: Path, does: str) -> Path:
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)
    return path


def test_dvgrab_is_told_which_deck_to_listen_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deck = Device("0x0800460104a3b2c1", "Sony DSR-11", "firewire", "dv")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingEngine, match="apt install dvgrab"):
        devices.grabber(deck)
    dvgrab = str(script(tmp_path / "dvgrab", ""))
    assert devices.grabber(deck) == [dvgrab, "-guid", "0800460104a3b2c1", "-format", "raw", "-size", "0", "-"]
    assert devices.grabber(Device("fw1", "DV device", "firewire", "dv"))[1] == "-format"


def test_old_listings_are_read_too() -> None:
    (found,) = devices.dshow(OLD_DSHOW)
    assert (found.name, found.id, found.kind) == ("EasyCAP", "@device_pnp_easy", "analog")
    assert found.sounds == ("EasyCAP Audio",)


@pytest.mark.parametrize(
    "said", ["", "error: access denied", "[dshow @ 0] Could not enumerate video devices (or none found)."]
)
def test_nothing_is_made_of_nothing(said: str) -> None:
    assert devices.dshow(said) == devices.avfoundation(said) == []


def test_sockets_are_named_with_their_pins() -> None:
    assert devices.crossbar(CROSSBAR) == {"Video Composite": 0, "S-Video": 1}


def test_avfoundation_is_read() -> None:
    found = devices.avfoundation(AVFOUNDATION)
    assert [(one.id, one.kind) for one in found] == [("0", "camera"), ("1", "analog"), ("2", "screen")]
    assert found[1].name == "Elgato Video Capture [USB]"
    assert found[1].sounds == ("Elgato Audio", "MacBook Pro Microphone")
    assert devices.sources(found[1]) == [("1:Elgato Audio", "avfoundation", {})]


def test_linux_says_what_is_plugged_in_where(tmp_path: Path) -> None:
    plug = tmp_path / "sys/devices/usb1/1-4"
    (plug / "video").mkdir(parents=True)
    (plug / "idVendor").write_text("eb1a\n")
    other = tmp_path / "sys/devices/pci/sound"
    other.mkdir(parents=True)
    (other / "vendor").write_text("0x8086\n")
    entry = tmp_path / "sys/class/video4linux/video0"
    entry.mkdir(parents=True)
    (entry / "name").write_text("USB 2861 Device\n")
    (entry / "device").symlink_to(plug / "video")
    for number, device in enumerate((other, plug)):
        card = tmp_path / f"sys/class/sound/card{number}"
        card.mkdir(parents=True)
        (card / "device").symlink_to(device)
        (tmp_path / f"proc/asound/card{number}/pcm0c").mkdir(parents=True)
    (found,) = devices.v4l2(tmp_path / "dev", tmp_path / "sys", tmp_path / "proc")
    assert found.name == "USB 2861 Device"
    assert found.sounds == ("hw:1", "hw:0")
    assert found.note == "it cannot be opened: No such file or directory."


def test_capabilities_are_asked_as_the_kernel_answers() -> None:
    def answers(request: int, told: bytearray) -> int:
        if request == 0x80685600:  # VIDIOC_QUERYCAP
            struct.pack_into("<II", told, 84, 0x85200001, 0x05200001)
            return 0
        number = struct.unpack_from("<I", told)[0]
        if number > 1:
            raise OSError
        told[4:36] = (b"Composite1", b"S-Video")[number].ljust(32, b"\0")
        struct.pack_into("<Q", told, 48, 0xB0FF)
        return 0

    assert devices._capabilities(partial(answers)) == (("Composite1", "S-Video"), ("pal", "ntsc"))

    def radio(request: int, told: bytearray) -> int:
        struct.pack_into("<II", told, 84, 0x80010000, 0x00010000)
        return 0

    assert devices._capabilities(partial(radio)) == (None, ())


def test_firewire_decks_keep_to_avc(tmp_path: Path) -> None:
    for name, specifier in (("fw1", "0x00a02d"), ("fw2", "0x000001")):
        unit = tmp_path / f"bus/firewire/devices/{name}/{name}.0"
        unit.mkdir(parents=True)
        (unit / "specifier_id").write_text(specifier)
        (unit / "version").write_text("0x010001")
        (unit.parent / "vendor_name").write_text("SONY\n")
        (unit.parent / "guid").write_text(f"0x0800460{name}\n")
    (found,) = devices.firewire(tmp_path)
    assert (found.id, found.name, found.kind) == ("0x0800460fw1", "SONY", "dv")
    with pytest.raises(OpenFailed, match="dvgrab"):
        devices.sources(found)


def test_sockets_and_standards_become_options() -> None:
    grabber = Device("/dev/video0", "Grabber", "v4l2", "analog", ("Composite", "S-Video"), ("pal",), ("hw:1",))
    assert devices.sources(grabber, "s-video", "pal") == [
        ("/dev/video0", "video4linux2", {"standard": "PAL", "channel": "1"}),
        ("hw:1", "alsa", {}),
    ]
    with pytest.raises(OpenFailed, match="no input Component; it has Composite, S-Video"):
        devices.sources(grabber, "Component")


def test_a_device_is_found_by_name_or_id_or_there_is_a_sentence() -> None:
    twins = [Device(str(number), "USB Video", "dshow") for number in range(2)]
    assert devices.find(None, twins) is twins[0]
    assert devices.find("1", twins) is twins[1]
    with pytest.raises(OpenFailed, match=r"may be any of USB Video \(0\), USB Video \(1\); name its id"):
        devices.find("usb", twins)
    with pytest.raises(OpenFailed, match="no device is called x; there are USB Video"):
        devices.find("x", twins)
    with pytest.raises(OpenFailed, match="no capture device was found"):
        devices.find(None, [])
