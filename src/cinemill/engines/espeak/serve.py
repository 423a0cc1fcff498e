"""eSpeak NG's side. A run's parameters: text, voice, speed (1 is its own), pitch (0 to 100); the answer is one piece:
rate, words as [first character, one past the last, start ms, end ms], and a blob of samples (int16).

The library is GPL-3.0 and is loaded here only, in a process that talks to the studio through pipes. It is the one that
comes as a wheel, the same on every machine; where there is no such wheel, the system's.
"""

import ctypes as c
import ctypes.util
import os
import pickle
import sys
from pathlib import Path

# Last, because the folder of engines holds one that is called like a package.
sys.path.append(str(Path(__file__).resolve().parents[1]))

import wire

SYNCHRONOUS, PHONEME_EVENTS, DONT_EXIT = 2, 0x0001, 0x8000
UTF8 = 1
RATE_PARAMETER, PITCH_PARAMETER = 1, 3
WORDS_PER_MINUTE = 170
END, WORD, PHONEME, DONE = 5, 1, 7, 0


class Id(c.Union):
    _fields_ = [("number", c.c_int), ("name", c.c_char_p), ("string", c.c_char * 8)]


class Event(c.Structure):
    _fields_ = [
        ("type", c.c_int),
        ("unique_identifier", c.c_uint),
        ("text_position", c.c_int),
        ("length", c.c_int),
        ("audio_position", c.c_int),
        ("sample", c.c_int),
        ("user_data", c.c_void_p),
        ("id", Id),
    ]


class Voice(c.Structure):
    _fields_ = [
        ("name", c.c_char_p),
        ("languages", c.c_void_p),
        ("identifier", c.c_char_p),
        ("gender", c.c_ubyte),
        ("age", c.c_ubyte),
        ("variant", c.c_ubyte),
        ("xx1", c.c_ubyte),
        ("score", c.c_int),
        ("spare", c.c_void_p),
    ]


Callback = c.CFUNCTYPE(c.c_int, c.POINTER(c.c_short), c.c_int, c.POINTER(Event))


def library():
    """The library and the folder of its data; None where the library knows that itself."""
    try:
        import espeakng_loader

        return c.CDLL(espeakng_loader.get_library_path()), espeakng_loader.get_data_path().encode()
    except (ImportError, OSError):
        found = ctypes.util.find_library("espeak-ng")
        if not found:
            raise RuntimeError("eSpeak NG is not here: install the package espeakng-loader, or espeak-ng") from None
        return c.CDLL(found), None


class Service(wire.Service):
    name = "espeak"

    def __init__(self):
        self.lib, data = library()
        self.lib.espeak_Info.restype = c.c_char_p
        self.lib.espeak_ListVoices.restype = c.POINTER(c.POINTER(Voice))
        self.lib.espeak_Synth.argtypes = [c.c_char_p, c.c_size_t, c.c_uint, c.c_int, c.c_uint, c.c_uint]
        self.lib.espeak_Synth.argtypes += [c.POINTER(c.c_uint), c.c_void_p]
        self.data = data
        self.rate = self.lib.espeak_Initialize(SYNCHRONOUS, 0, data, PHONEME_EVENTS | DONT_EXIT)
        if self.rate <= 0:
            raise RuntimeError("eSpeak NG does not start: its data are missing")
        self.listed = self.afresh(self.voices)
        self.files = {code: file for code, _, file in self.listed}

    def describe(self):
        place = c.c_char_p()
        version = self.lib.espeak_Info(c.byref(place)).decode().split()[0]
        return {"espeak-ng": version, "rate": self.rate, "voices": [[code, name] for code, name, _ in self.listed]}

    def voices(self):
        """Of each its language, name and file; variants (en-us+f3) are not listed."""
        found, at = {}, 0
        listed = self.lib.espeak_ListVoices(None)
        while listed[at]:
            voice = listed[at].contents
            for priority, code in languages(voice.languages):
                if code != "variant" and priority < found.get(code, (99,))[0]:
                    found[code] = priority, voice.name.decode("utf-8", "replace"), voice.identifier.decode()
            at += 1
        return [[code, name, file] for code, (_, name, file) in sorted(found.items())]

    def run(self, params, blobs, more):
        said = self.afresh(self.spoken, params)
        if said is None:
            raise ValueError(f"eSpeak has no voice {params['voice']}")
        samples, events = said
        yield {"rate": self.rate, "words": words(params["text"], events)}, [samples]

    def afresh(self, method, *arguments):
        """`method` in a copy of this process: the library remembers what it did, and would say things otherwise."""
        if not hasattr(os, "fork"):
            return method(*arguments)
        source, sink = os.pipe()
        child = os.fork()
        if not child:
            os.close(source)  # else what it writes would wait for ever once nobody is left to read it
            try:
                with os.fdopen(sink, "wb") as stream:
                    pickle.dump(method(*arguments), stream)
            finally:
                os._exit(0)
        os.close(sink)
        with os.fdopen(source, "rb") as stream:
            said = stream.read()
        _, how = os.waitpid(child, 0)
        if how or not said:
            raise RuntimeError("eSpeak died")
        return pickle.loads(said)

    def spoken(self, params):
        """Samples and events; None where there is no such voice."""
        samples, events = bytearray(), []
        base, plus, variant = params["voice"].partition("+")
        if self.lib.espeak_SetVoiceByName(f"{self.files.get(base, base)}{plus}{variant}".encode()):
            return None
        self.lib.espeak_SetParameter(RATE_PARAMETER, round(WORDS_PER_MINUTE * params.get("speed", 1.0)), 0)
        self.lib.espeak_SetParameter(PITCH_PARAMETER, round(params.get("pitch", 50)), 0)

        def take(wave, count, event):
            if wave and count > 0:
                samples.extend(c.string_at(wave, count * 2))
            at = 0
            while event[at].type != DONE:
                one = event[at]
                sound = one.id.string.decode("utf-8", "replace") if one.type == PHONEME else ""
                events.append((one.type, one.text_position - 1, one.length, one.audio_position, sound))
                at += 1
            return 0

        callback = Callback(take)
        self.lib.espeak_SetSynthCallback(callback)
        data = params["text"].encode() + b"\0"
        self.lib.espeak_Synth(data, len(data), 0, 1, 0, UTF8, None, None)
        self.lib.espeak_Synchronize()
        return bytes(samples), events


def languages(place):
    """(priority, code) of a voice: bytes of priority, each before a code that ends in a zero."""
    while place and (priority := c.string_at(place, 1)[0]):
        code = c.string_at(place + 1)
        yield priority, code.decode("utf-8", "replace")
        place += 2 + len(code)


def words(text, events):
    """When each word is said. What eSpeak says as one ("of the") is parted by letters along its phonemes."""
    starts = [n for n, event in enumerate(events) if event[0] == WORD and event[2]]
    found = []
    for turn, number in enumerate(starts):
        after = starts[turn + 1] if turn + 1 < len(starts) else len(events)
        until = events[after][1] if after < len(events) else len(text)
        own = events[number + 1 : after]
        times = [event[3] for event in own if event[0] == PHONEME and not event[4].startswith("_")]
        ends = [event[3] for event in own if event[0] == END or event[4].startswith("_")]
        end = ends[0] if ends else events[after][3] if after < len(events) else (events[-1][3])
        times = [events[number][3], *[time for time in times if events[number][3] < time < end], end]
        found += parted(text, events[number][1], max(until, events[number][1] + events[number][2]), times)
    return found


def parted(text, first, until, times):
    """[first character, one past the last, start, end] of each run of signs between `first` and `until`."""
    spans, at = [], first
    for run in text[first:until].split():
        at = text.index(run, at)
        if any(char.isalnum() for char in run):
            spans.append((at, at + len(run)))
        at += len(run)
    total = sum(stop - start for start, stop in spans)
    found, done = [], 0
    for start, stop in spans:
        edges = [done, done + stop - start]
        done = edges[1]
        begin, end = (times[round(edge * (len(times) - 1) / total)] for edge in edges)
        found.append([start, stop, begin, end])
    return found


if __name__ == "__main__":
    wire.main_of(Service())
