"""Schema restore: a schema that judged an earlier run stands in its place again, byte for byte."""
