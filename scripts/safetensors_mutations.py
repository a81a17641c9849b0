"""Safetensors files in which something is changed, for scripts/compare_safetensors.

A document is a list of entries, [key, fields], where key and field values are JSON texts and `fields` a list of
[name, value] pairs: pieces of text rather than values, so that anything can be written wrongly. `fields` may also be
one text, the whole value.
"""
import json

BITS = {"BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
        "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32,
        "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64}
NUMBERS = ["0", "1", "2", "3", "4", "7", "8", "16", "-0", "-1", "1.0", "1e0", "1E2", "0.5", "01", "+1", "1.", ".5",
           "0x10", "4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551615",
           "18446744073709551616", "1" + "0" * 40, "1e308", "1e309", "-1e309", "1e-400", "NaN", "Infinity", "1_0",
           "9" * 400]
VALUES = NUMBERS + ["null", "true", "false", "\"\"", "\"x\"", "[]", "{}", "[1]", "[[]]", "{\"a\":1}", "{\"a\":1,\"a\":2}",
                    "\"F32\"", "[0,4]", "tru", "'x'", "[1,]", "{\"a\"}", "[1 2]"]
STRINGS = ["\"\\u0061\"", "\"\\ud83d\\ude00\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800\\ud800\"",
           "\"\\u00\"", "\"\\x41\"", "\"\\/\\b\\f\\n\\r\\t\"", "\"\x01\"", "\"a\nb\"", "\"\x7f\"", "\"\\u0000\"",
           "\"\u00e9\U0001f600\"", "\"\\uD83D\\uDE00\"", "\"\\u006g\"", "\"\\\"\"", "\"\ufeff\"", "\"" + "n" * 300 + "\""]
RAW = [b"\"\xff\"", b"\"\xc3\"", b"\"\xed\xa0\x80\"", b"\"\xf5\x80\x80\x80\"", b"\"\xc0\xaf\"", b"\"\xe2\x82\""]
SPACES = [" ", "  ", "\n", "\t", "\r\n", "\f", "\v", "\u00a0", "\0"]


class Document:
    """A file in pieces; `content` puts them together."""

    def __init__(self, rng):
        self.rng = rng
        self.entries = []
        self.data = bytearray()
        self.before = self.after = b""
        self.length_change = 0
        self.length = None
        self.raw_header = None
        for number in range(rng.randrange(6)):
            self.add_tensor(f"t{number}")
        if rng.random() < 0.3:
            self.entries.insert(rng.randrange(len(self.entries) + 1), ["\"__metadata__\"", "{\"format\":\"pt\"}"])
        rng.shuffle(self.entries)
        self.after = b" " * rng.choice([0, 0, 3, 7])

    def add_tensor(self, name):
        dtype = self.rng.choice(list(BITS)) if self.rng.random() < 0.6 else self.rng.choice(["F32", "BF16", "F16"])
        shape = [self.rng.randrange(5) for _ in range(self.rng.randrange(4))]
        if BITS[dtype] < 8:
            shape.append(8)
        size = BITS[dtype]
        for dimension in shape:
            size *= dimension
        begin = len(self.data)
        self.data += self.rng.randbytes(size // 8)
        self.entries.append([json.dumps(name), [["\"dtype\"", f"\"{dtype}\""], ["\"shape\"", json.dumps(shape)],
                                                ["\"data_offsets\"", json.dumps([begin, len(self.data)])]]])

    def tensors(self):
        return [entry for entry in self.entries if isinstance(entry[1], list)]

    def header(self):
        if self.raw_header is not None:
            return self.raw_header
        gap = (lambda: self.rng.choice(["", "", "", " ", "\n"])) if self.rng.random() < 0.2 else (lambda: "")

        def text_of(value):
            if isinstance(value, str):
                return value
            return "{" + ",".join(f"{gap()}{name}{gap()}:{gap()}{part}" for name, part in value) + gap() + "}"

        return ("{" + ",".join(f"{gap()}{key}:{text_of(value)}" for key, value in self.entries) + "}").encode(
            "utf-8", "surrogatepass")

    def content(self):
        header = self.before + self.header() + self.after
        length = len(header) + self.length_change if self.length is None else self.length
        return max(0, length).to_bytes(8, "little") + header + bytes(self.data)


def field_of(document, name):
    """A random tensor's field of that name, or None."""
    found = [field for _, fields in document.tensors() for field in fields if field[0] == name]
    return document.rng.choice(found) if found else None


def number_list_edit(document, name):
    field = field_of(document, name)
    if field is None:
        return
    rng = document.rng
    try:
        numbers = [str(number) for number in json.loads(field[1])]
    except (ValueError, TypeError):
        return
    place = rng.randrange(len(numbers) + 1)
    kind = rng.randrange(4)
    if kind == 0 or not numbers:
        numbers.insert(place, rng.choice(NUMBERS))
    elif kind == 1:
        del numbers[place % len(numbers)]
    elif kind == 2:
        numbers[place % len(numbers)] = rng.choice(VALUES)
    else:
        try:
            numbers[place % len(numbers)] = str(int(numbers[place % len(numbers)]) + rng.choice([-8, -4, -1, 1, 4, 8]))
        except ValueError:
            numbers[place % len(numbers)] = rng.choice(NUMBERS)
    field[1] = "[" + ",".join(numbers) + "]"


def shape(document):
    number_list_edit(document, "\"shape\"")


def offsets(document):
    number_list_edit(document, "\"data_offsets\"")


def long_shape(document):
    field = field_of(document, "\"shape\"")
    if field is not None and field[1].startswith("["):
        ones = ["1"] * document.rng.choice([30, 60, 63, 64, 65, 100])
        field[1] = "[" + ",".join(ones + [part for part in field[1].strip("[]").split(",") if part.strip()]) + "]"


def huge_shape(document):
    field = field_of(document, "\"shape\"")
    if field is not None:
        rng = document.rng
        field[1] = json.dumps([rng.choice([0, 1, 2, 2**16, 2**31, 2**32, 2**61, 2**62, 2**63, 2**64 - 1])
                               for _ in range(rng.randrange(1, 5))])


def dtype(document):
    field = field_of(document, "\"dtype\"")
    if field is not None:
        rng = document.rng
        name = rng.choice(list(BITS))
        field[1] = rng.choice([f"\"{name}\"", f"\"{name.lower()}\"", f"\"{name} \"", f"{{\"{name}\":null}}",
                               f"{{\"{name}\":1}}", "{}", f"[\"{name}\"]", "\"F7\"", "\"\\u0046\\u0033\\u0032\"",
                               rng.choice(VALUES)])


def same_width(document):
    field = field_of(document, "\"dtype\"")
    if field is not None and field[1].strip("\"") in BITS:
        width = BITS[field[1].strip("\"")]
        field[1] = json.dumps(document.rng.choice([name for name, bits in BITS.items() if bits == width]))


def repeat_tensor(document):
    if document.tensors():
        key, fields = document.rng.choice(document.tensors())
        document.entries.insert(document.rng.randrange(len(document.entries) + 1), [key, [list(part) for part in fields]])


def repeat_field(document):
    if document.tensors():
        _, fields = document.rng.choice(document.tensors())
        if fields:
            part = document.rng.choice(fields)
            fields.insert(document.rng.randrange(len(fields) + 1), list(part))


def drop_field(document):
    if document.tensors():
        _, fields = document.rng.choice(document.tensors())
        if fields:
            del fields[document.rng.randrange(len(fields))]


def reorder_fields(document):
    if document.tensors():
        document.rng.shuffle(document.rng.choice(document.tensors())[1])


def unknown_field(document):
    if document.tensors():
        _, fields = document.rng.choice(document.tensors())
        rng = document.rng
        depth = rng.choice([1, 60, 124, 125, 126, 127, 128, 200])
        value = rng.choice(VALUES + STRINGS + ["[" * depth + "]" * depth, "{\"a\":" * depth + "1" + "}" * depth,
                                               "[" * depth])
        fields.insert(rng.randrange(len(fields) + 1), [rng.choice(["\"x\"", "\"Dtype\"", "\"\""] + STRINGS), value])


def tensor_as_list(document):
    if document.tensors():
        entry = document.rng.choice(document.tensors())
        entry[1] = "[" + ",".join(value for _, value in entry[1]) + "]"


def tensor_as_value(document):
    if document.entries:
        document.rng.choice(document.entries)[1] = document.rng.choice(VALUES)


def metadata(document):
    rng = document.rng
    value = rng.choice(["null", "{}", "{\"a\":\"b\"}", "{\"a\":\"b\",\"a\":\"c\"}", "{\"a\":1}", "{\"a\":null}", "[]",
                        "\"x\"", "{\"a\":{}}", "{\"a\":[]}", "[[\"a\",\"b\"]]", "{\"\":\"\\u00e9\"}", "7", "true",
                        "{" + ",".join(f"\"k{i}\":\"v\"" for i in range(300)) + "}", "{\"a\":" + rng.choice(STRINGS) + "}",
                        "{" + rng.choice(STRINGS) + ":\"a\"}"])
    key = rng.choice(["\"__metadata__\"", "\"__metadata__\"", "\"__metadat\\u0061__\"", "\"__METADATA__\""])
    document.entries.insert(rng.randrange(len(document.entries) + 1), [key, value])


def rename(document):
    if document.entries:
        rng = document.rng
        document.rng.choice(document.entries)[0] = rng.choice(STRINGS + ["\"t0\"", "\"t1\"", "\"\"", "\"__metadata__\"",
                                                                         "t", "1", "null"])


def spell_with_escapes(document):
    if document.tensors():
        key, fields = document.rng.choice(document.tensors())
        part = document.rng.choice(fields) if fields else None
        if part and part[0].startswith("\"") and "\\" not in part[0]:
            part[0] = "\"" + "".join(f"\\u{ord(c):04x}" if document.rng.random() < 0.5 else c
                                     for c in part[0].strip("\"") if ord(c) < 0x10000) + "\""


def swap_offsets(document):
    found = [field for _, fields in document.tensors() for field in fields if field[0] == "\"data_offsets\""]
    if len(found) > 1:
        one, other = document.rng.sample(found, 2)
        one[1], other[1] = other[1], one[1]


def spaces_before(document):
    document.before += document.rng.choice(SPACES + ["\ufeff"]).encode()


def spaces_behind(document):
    document.after += document.rng.choice(SPACES + ["x", "{}", ",", "//"]).encode() * document.rng.choice([1, 1, 50])


def other_header(document):
    document.raw_header = document.rng.choice(VALUES + ["", "{", "}", "{,}", "{\"a\":}", "{\"a\"}"]).encode()


def wrong_length(document):
    document.length_change += document.rng.choice([-9, -2, -1, 1, 2, 8, 100])


def absurd_length(document):
    document.length = document.rng.choice([0, 1, 2, 7, 10**8, 10**8 + 1, 2**31, 2**32, 2**63, 2**64 - 1, 2**64 - 8])


def less_data(document):
    del document.data[len(document.data) - document.rng.choice([1, 2, 8]):]


def more_data(document):
    document.data += document.rng.randbytes(document.rng.choice([1, 2, 8, 100]))


PIECES = [shape, shape, offsets, offsets, long_shape, huge_shape, dtype, dtype, same_width, repeat_tensor, repeat_field,
          drop_field, reorder_fields, unknown_field, unknown_field, tensor_as_list, tensor_as_value, metadata, rename,
          spell_with_escapes, swap_offsets, spaces_before, spaces_behind, other_header, wrong_length, absurd_length,
          less_data, more_data]


def truncate(rng, content):
    return content[:rng.randrange(len(content) + 1)]


def flip_bit(rng, content):
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ (1 << rng.randrange(8))]) + content[place + 1:]


def flip_header_byte(rng, content):
    place = rng.randrange(8, len(content)) if len(content) > 8 else 0
    return content[:place] + bytes([rng.choice(b"0123456789-.eE\"\\{}[],: \nxu")]) + content[place + 1:]


def splice_raw(rng, content):
    """Puts bytes that are no UTF-8 for some text of the header, which keeps its length."""
    length = int.from_bytes(content[:8], "little")
    places = [place for place in range(8, min(8 + length, len(content))) if content[place] == 0x22]
    raw = rng.choice(RAW)
    if not places:
        return content
    place = rng.choice(places)
    return content[:place] + raw + content[place + len(raw):]


def cut_piece(rng, content):
    place = rng.randrange(len(content))
    return content[:place] + content[place + rng.randrange(1, 9):]


BYTES = [truncate, flip_bit, flip_header_byte, flip_header_byte, splice_raw, cut_piece]


def mutated_file(rng):
    """The bytes of one file, and the names of what was done to it; now and then nothing."""
    document = Document(rng)
    done = []
    for _ in range(rng.choice([0, 1, 1, 1, 1, 2, 2, 3])):
        mutation = rng.choice(PIECES)
        mutation(document)
        done.append(mutation.__name__)
    content = document.content()
    if content and rng.random() < 0.2:
        mutation = rng.choice(BYTES)
        content = mutation(rng, content)
        done.append(mutation.__name__)
    return content, done or ["nothing"]
