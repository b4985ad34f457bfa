"""The line with fvcore's count says why it has none: on a page there is no kernel, in a notebook it did not answer."""

from __future__ import annotations

import pytest
from node import esm, javascript

from mobilenet_lib import explorables

LINE = """(page) => {
  globalThis.explorables = page ? { folder: "https://page.example/" } : undefined;
  const later = [];
  globalThis.setTimeout = (work, wait) => later.push([work, wait]);
  globalThis.clearTimeout = () => {};
  const texts = [];
  globalThis.Node = { TEXT_NODE: 3 };
  const line = { childNodes: [],
    set textContent(text) { texts.push(text); }, get textContent() { return texts.at(-1); } };
  const model = { get: () => ({ key: "another state", macs: 1 }) };
  const { count, show } = countLine(model, line, { addEventListener() {} });
  count(1000);
  show("this state");
  for (const [work] of later) work();
  return [texts, later.map(([, wait]) => wait)];
}"""


@pytest.mark.parametrize(
    ("page", "says"),
    [(True, "counts this state when the chapter runs in a notebook"), (False, "no answer yet: run the cell again")],
)
def test_line_says_who_would_have_answered(page, says):
    [[texts, waits]] = javascript(esm(explorables.InvertedBlock), LINE, [[page]])
    assert texts == ["closed form: 1,000 MACs · fvcore: …", f"closed form: 1,000 MACs · fvcore: {says}"]
    assert len(waits) == 1 and 1000 <= waits[0] <= 5000
