"""The oldest browsers that the site is made for, and what a script or a style sheet uses that they do not have.

What which browser has is in `newer_than_the_floor.json`, which is an extract of @mdn/browser-compat-data: the names
that at least one browser at the floor does not know, with the version that does. To bring it up to date:

    npm pack @mdn/browser-compat-data && tar xzf mdn-browser-compat-data-*.tgz
    python tests/site/floor.py package/data.json
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import tinycss2
from node import node, run
from tinycss2 import ast

FLOOR = {"Safari": "16.4", "iOS": "16.4", "Firefox": "121", "Chrome": "117", "Edge": "117"}
KEYS = {"Safari": "safari", "iOS": "safari_ios", "Firefox": "firefox", "Chrome": "chrome", "Edge": "edge"}
TWINS = {"iOS": "Safari", "Edge": "Chrome"}  # named only where they differ
TABLE = Path(__file__).with_name("newer_than_the_floor.json")
LISTS = ("property", "value", "selector", "at-rule", "function", "member", "global", "event")


# The table


def extract(data: dict) -> dict[str, dict[str, str]]:
    """Return what is newer than the floor: for each list, names and which browsers come to know them when."""
    table: dict[str, dict[str, str]] = {name: {} for name in LISTS}
    css = data["css"]
    for name, node_ in css["properties"].items():
        _note(table["property"], name, node_)
        for value in node_ if name not in table["property"] else ():
            _note(table["value"], f"{name}: {value}", node_[value])
    for name, node_ in css["selectors"].items():
        _note(table["selector"], name, node_)
    for name, node_ in css["at-rules"].items():
        _note(table["at-rule"], name, node_)
        for feature in node_:
            _note(table["at-rule"], f"{name}: {feature}", node_[feature])
    functions = list(_all(css["types"]))
    for name in {name for name, _ in functions}:
        _note_if_all(table["function"], name, [node_ for each, node_ in functions if each == name])
    _note(table["function"], "relative_color", css["types"]["color"]["rgb"]["relative_syntax"])
    # A method is known by its name alone in a script: it counts where no object of the floor has one of that name.
    members: dict[str, list] = {}
    for builtins in (data["api"], data["javascript"]["builtins"]):
        for name, interface in builtins.items():
            _note(table["global"], name, interface)
            for member, node_ in interface.items():
                if member.endswith("_event"):
                    members.setdefault("event:" + member.removesuffix("_event"), []).append(node_)
                elif re.fullmatch(r"[A-Za-z]\w*", member) and member != name:
                    members.setdefault(member.removesuffix("_static"), []).append(node_)
    for name, nodes in members.items():
        kind, _, event = name.rpartition(":")
        _note_if_all(table[kind or "member"], event, nodes)
    return table


def _all(tree: dict) -> Iterator[tuple[str, dict]]:
    for name, node_ in tree.items():
        if name != "__compat":
            yield name, node_
            yield from _all(node_)


def _note(names: dict[str, str], name: str, node_: Any) -> None:
    if not name.startswith("-"):  # a browser's own name says that it is for nobody else
        _note_if_all(names, name, [node_])


def _note_if_all(names: dict[str, str], name: str, nodes: Iterable[Any]) -> None:
    found = [_missing(node_["__compat"]["support"]) for node_ in nodes if "__compat" in node_]
    if found and all(found):
        names[name] = min(found, key=lambda words: ("never" in words, words.count(",")))


def _missing(support: dict) -> str:
    """Return in words which browsers of the floor lack a feature, and nothing if all have it."""
    since = {}
    for browser, floor in FLOOR.items():
        statements = support.get(KEYS[browser], {"version_added": False})
        statements = statements if isinstance(statements, list) else [statements]
        plain = [each for each in statements if not {"prefix", "alternative_name", "flags"} & set(each)]
        if any(_numbers(each["version_added"]) <= _numbers(floor) and not _gone(each, floor) for each in plain):
            continue
        versions = [each["version_added"] for each in plain if _numbers(each["version_added"]) < (9999,)]
        since[browser] = min(versions, key=_numbers) if versions else "never"
    kept = {name: each for name, each in since.items() if since.get(TWINS.get(name, "")) != each}
    return ", ".join(f"{name} {version}" for name, version in kept.items())


def _gone(statement: dict, floor: str) -> bool:
    removed = statement.get("version_removed")
    return bool(removed) and _numbers(removed) <= _numbers(floor)


def _numbers(version: str | bool | None) -> tuple[int, ...]:
    found = re.fullmatch(r"≤?(\d+(?:\.\d+)*)", str(version))
    return tuple(map(int, found[1].split("."))) if found else (9999,)


# Style sheets


def in_css(css: str, table: dict[str, dict[str, str]]) -> set[str]:
    """Return what a style sheet uses of the table: names such as "property zoom". What `@supports` guards is left out.

    >>> table = {name: {} for name in LISTS} | {"property": {"zoom": "Firefox 126"}}
    >>> in_css("a { zoom: 2 } @supports (zoom: 1) { b { zoom: 2 } }", table)
    {'property zoom'}
    """
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    return {f"{kind} {name}" for kind, name in _in_rules(rules) if name in table[kind]}


def _in_rules(rules: Iterable[ast.Node]) -> Iterator[tuple[str, str]]:
    for rule in rules:
        if rule.type == "qualified-rule":
            yield from _in_selector(rule.prelude)
            yield from _in_block(rule.content)
        elif rule.type == "at-rule":
            yield "at-rule", rule.lower_at_keyword
            for word in _words(rule.prelude):
                yield "at-rule", f"{rule.lower_at_keyword}: {word}"
            if rule.content is None or rule.lower_at_keyword == "supports":
                continue
            if rule.lower_at_keyword in ("media", "container", "layer", "scope", "starting-style"):
                yield from _in_rules(tinycss2.parse_rule_list(rule.content, True, True))
            elif rule.lower_at_keyword.endswith("keyframes"):
                for frame in tinycss2.parse_rule_list(rule.content, True, True):
                    yield from _in_block(frame.content)


def _words(tokens: Iterable[ast.Node]) -> Iterator[str]:
    for token in tokens:
        if token.type == "ident":
            yield token.lower_value
        elif token.type in ("function", "() block"):
            yield from _words(token.arguments if token.type == "function" else token.content)


def _in_selector(tokens: list[ast.Node]) -> Iterator[tuple[str, str]]:
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == "literal" and token.value == "&":
            yield "selector", "nesting"
        if before == ":" and token.type == "ident" and token.value[0] != "-":
            yield "selector", token.lower_value
        if token.type == "function":
            yield "selector", token.lower_name
            yield from _in_selector(token.arguments)


def _in_block(tokens: list[ast.Node]) -> Iterator[tuple[str, str]]:
    inside = tinycss2.parse_blocks_contents(tokens, True, True)
    declarations = [each for each in inside if each.type == "declaration"]
    names = {each.lower_name for each in declarations}
    if any(each.type in ("qualified-rule", "at-rule") for each in inside):
        yield "selector", "nesting"
    for each in declarations:
        if each.lower_name.startswith("-"):
            if each.lower_name.startswith("--"):
                yield from _in_value("", each.value)
            continue  # a browser's own name stands beside the common one
        if f"-webkit-{each.lower_name}" not in names:
            yield "property", each.lower_name
            yield from _in_value(each.lower_name, each.value)


def _in_value(name: str, tokens: list[ast.Node]) -> Iterator[tuple[str, str]]:
    for token in tokens:
        if token.type == "ident":
            yield "value", f"{name}: {token.lower_value}"
        elif token.type == "function":
            yield "function", token.lower_name
            yield "value", f"{name}: {token.lower_name}"
            inside = [each for each in token.arguments if each.type != "whitespace"]
            if inside and inside[0].type == "ident" and inside[0].lower_value == "from":
                yield "function", "relative_color"
            yield from _in_value(name, token.arguments)


# Scripts

# node brings a parser, acorn, for its own use. ECMAScript 2022 is what Safari 16.4 knows, look-behind included.
PARSE = r"""
const { parse } = require("internal/deps/acorn/acorn/dist/acorn");
const { readFileSync } = require("node:fs");
const found = {};
for (const file of process.argv.slice(1)) {
  const names = { member: new Set(), global: new Set(), event: new Set() };
  const own = new Set(); // what the script defines itself
  const look = (node) => {
    if (Array.isArray(node)) return node.forEach(look);
    if (typeof node?.type !== "string") return;
    if (node.type === "MemberExpression" && !node.computed) names.member.add(node.property.name);
    if (node.type === "MemberExpression" && node.object.type === "Identifier") names.global.add(node.object.name);
    if (/^(Call|New)Expression$/.test(node.type)) {
      if (node.callee.type === "Identifier") names.global.add(node.callee.name);
      const [first] = node.arguments;
      const listens = ["addEventListener", "on"].includes(node.callee.property?.name ?? node.callee.name);
      if (listens && typeof first?.value === "string") names.event.add(first.value);
    }
    if (node.type === "VariableDeclarator" || node.type === "FunctionDeclaration") own.add(node.id.name);
    if (/^(Property|MethodDefinition|PropertyDefinition)$/.test(node.type) && !node.computed) own.add(node.key.name);
    if (node.type === "AssignmentExpression") own.add(node.left.property?.name);
    for (const param of node.params ?? []) if (param.type === "Identifier") own.add(param.name);
    for (const value of Object.values(node)) if (value && typeof value === "object") look(value);
  };
  try {
    const source = readFileSync(file, "utf8");
    const isModule = /^\s*(import|export)\b|;(import|export)\s*\{/m.test(source);
    look(parse(source, { ecmaVersion: 2022, sourceType: isModule ? "module" : "script" }));
    const list = (set) => [...set].filter((name) => !own.has(name));
    found[file] = { member: list(names.member), global: list(names.global), event: [...names.event] };
  } catch (error) {
    found[file] = { error: `${error.message}: newer than ECMAScript 2022` };
  }
}
console.log(JSON.stringify(found));
"""


def in_scripts(files: Iterable[Path], table: dict[str, dict[str, str]]) -> dict[Path, set[str]]:
    """Return for each script what it uses of the table, as "member groupBy", or what is wrong with its syntax."""
    names = [str(file) for file in files]
    done = run(node(), "--expose-internals", "--no-warnings", "--input-type=commonjs", "--eval", PARSE, "--", *names)
    assert done.returncode == 0, done.stderr
    found = {}
    for file, uses in json.loads(done.stdout).items():
        error = {uses.pop("error")} if "error" in uses else set()
        found[Path(file)] = error | {f"{kind} {name}" for kind in uses for name in uses[kind] if name in table[kind]}
    return found


def main() -> None:
    data = json.loads(Path(sys.argv[1]).read_text(encoding="utf8"))
    source = f"@mdn/browser-compat-data {data['__meta']['version']}, CC0-1.0"
    table = {"floor": FLOOR, "source": source, **extract(data)}
    TABLE.write_text(json.dumps(table, indent=0, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
