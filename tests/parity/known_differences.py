"""Reviewed lists of named differences. A difference that is not named here fails a test; so does a name too many."""

from __future__ import annotations

# --- the public JSON Schema suite ---------------------------------------------------------------------------------

_BIG = "an integer outside 64 bits is an error of the record, whatever the schema says (DESIGN: Validation)"
_BIG_CASES = (
    ("integer", "a bignum is an integer"),
    ("integer", "a negative bignum is an integer"),
    ("number", "a bignum is a number"),
    ("number", "a negative bignum is a number"),
    ("minimum integer comparison", "comparison works for very negative numbers"),
)
# (draft, file, group, case) of the suite that our record validation decides otherwise -> why.
SUITE: dict[tuple[str, str, str, str], str] = {
    (draft, "optional/bignum.json", group, case): _BIG
    for draft in ("draft4", "draft6", "draft7", "draft2019-09", "draft2020-12")
    for group, case in _BIG_CASES
}

# --- jsonschema, the reference library ------------------------------------------------------------------------------

# Name -> (schema, instance, what jsonschema says, why ours is right or bearable). We say the opposite. All are tried.
_PATTERN = "Python's re stands in for ECMA-262 there; ours is ECMA-262, as JSON Schema says"
_FLOAT = "jsonschema divides doubles; ours reads them as the decimals that were written"
_LEAP = "RFC 3339 has leap seconds; jsonschema's checker has none"
_LATER = "a format of draft 7; where an older draft names it, that is what is meant"
_DRAFT4, _DRAFT6 = "http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-06/schema#"
_LENIENT = "jsonschema only looks for an @"
JSONSCHEMA: dict[str, tuple[dict[str, object], object, bool, str]] = {
    "pattern-trailing-newline": ({"pattern": "^a$"}, "a\n", True, _PATTERN),
    "pattern-digits-of-other-scripts": ({"pattern": "^\\d$"}, "\u0663", True, _PATTERN),
    "pattern-letters-of-other-scripts": ({"pattern": "^\\w$"}, "\u00e9", True, _PATTERN),
    "pattern-separator-as-space": ({"pattern": "^\\s$"}, "\x1c", True, _PATTERN),
    "pattern-bom-as-space": ({"pattern": "^\\s$"}, "\ufeff", False, _PATTERN),
    "multiple-of-hundredths": ({"multipleOf": 0.01}, 19.99, False, _FLOAT),
    "multiple-of-tenths": ({"multipleOf": 0.1}, 0.3, False, _FLOAT),
    "multiple-of-huge": ({"multipleOf": 3}, 1e300, True, _FLOAT),
    "date-year-zero": ({"format": "date"}, "0000-01-01", False, "RFC 3339 allows the year 0000, Python's dates do not"),
    "date-in-draft-4": ({"$schema": _DRAFT4, "format": "date"}, "2023-02-29", True, _LATER),
    "time-in-draft-6": ({"$schema": _DRAFT6, "format": "time"}, "25:00:00Z", True, _LATER),
    "date-time-leap-second": ({"format": "date-time"}, "2024-12-31T23:59:60Z", False, _LEAP),
    "time-leap-second": ({"format": "time"}, "23:59:60Z", False, _LEAP),
    "email-no-name": ({"format": "email"}, "@b", True, _LENIENT),
    "email-no-host": ({"format": "email"}, "a@", True, _LENIENT),
    "email-space": ({"format": "email"}, "a b@c.d", True, _LENIENT),
    "email-two-dots": ({"format": "email"}, "a..b@c.d", True, _LENIENT),
    "email-not-ascii": ({"format": "email"}, "\u00e4@b.c", True, _LENIENT),
    "hostname-bad-punycode": ({"format": "hostname"}, "xn--a", True, "it decodes to nothing"),
    "hostname-trailing-dot": ({"format": "hostname"}, "a.", True, "RFC 1123 names have no trailing dot"),
    "regex-properties": ({"format": "regex"}, "\\p{L}", False, _PATTERN),
    "regex-end-of-text": ({"format": "regex"}, "\\Z", True, _PATTERN),
    "regex-named-group": ({"format": "regex"}, "^(?P<a>b)$", True, _PATTERN),
    "duration-fraction": ({"format": "duration"}, "PT1.5S", True, "RFC 3339 appendix A has whole numbers only"),
}
