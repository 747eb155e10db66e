#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the measurements of bench/ and puts their results together; called by ./pvg bench.

A measurement is a benchmark() of meson or an executable file in bench/. It prints one JSON object per line, with the keys of
decision 19; whatever else it prints is for people. "reference" and "ratio" may be null where nothing comparable exists.
"""
import json
import os
import subprocess
import sys

ROOT = os.environ["PVG_ROOT"]
BUILD = os.environ["PVG_BUILD"]
KEYS = ("name", "unit", "value", "reference", "reference_name", "ratio", "better")


def measurements():
    """Name to command line and environment."""
    found = {}
    told = subprocess.run(["meson", "introspect", BUILD, "--benchmarks"], stdout=subprocess.PIPE, check=True).stdout
    for entry in json.loads(told):
        found[entry["name"]] = (entry["cmd"], dict(entry.get("env") or {}))
    folder = os.path.join(ROOT, "bench")
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK) and os.path.splitext(name)[0] not in found:
            found[os.path.splitext(name)[0]] = ([path], {})
    return found


def run(name, command, environment):
    """Results of one measurement; None when it failed."""
    print(f"  {name} ...", file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, env={**os.environ, **environment}, check=False)
    results = []
    for line in done.stdout.decode(errors="replace").splitlines():
        try:
            result = json.loads(line)
        except ValueError:
            result = None
        if isinstance(result, dict) and "name" in result:
            results.append({key: result.get(key) for key in KEYS})
        elif line.strip():
            print("    " + line, file=sys.stderr)
    if done.returncode == 77:
        print(f"  {name}: skipped, this machine cannot run it", file=sys.stderr)
        return []
    if done.returncode != 0:
        print(f"  {name}: FAILED with status {done.returncode}", file=sys.stderr)
        return None
    return results


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def table(results):
    rows = [("measurement", "value", "unit", "reference", "ratio", "compared to")]
    for r in results:
        ratio = "-" if r["ratio"] is None else f"{r['ratio']:.2f}"
        rows.append((r["name"], number(r["value"]), r["unit"] or "", number(r["reference"]), ratio, r["reference_name"] or "-"))
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    for row in rows:
        cells = [row[i].rjust(widths[i]) if i in (1, 3, 4) else row[i].ljust(widths[i]) for i in range(6)]
        print("  ".join(cells).rstrip())


def main():
    names, path, check, arguments = [], None, False, iter(sys.argv[1:])
    found = measurements()
    for a in arguments:
        if a == "--json":
            path = next(arguments)
        elif a == "--list":
            print("\n".join(sorted(found)))
            return 0
        elif a == "--check":
            check = True
        else:
            names.append(a)
    chosen = [n for n in sorted(found) if not names or any(n.startswith(prefix) for prefix in names)]
    if not chosen:
        print(f"pvg bench: no measurement is called {' '.join(names)}; there are: {' '.join(sorted(found))}", file=sys.stderr)
        return 2
    if path:
        try:
            open(path, "a", encoding="utf-8").close()
        except OSError as e:
            print(f"pvg bench: cannot write {path}: {e.strerror}", file=sys.stderr)
            return 1
    if check:
        return 0
    results, failed = [], []
    for name in chosen:
        part = run(name, *found[name])
        if part is None:
            failed.append(name)
        else:
            results += part
    table(results)
    if path:
        with open(path, "w", encoding="utf-8") as f:
            json.dump(results, f, indent=1)
            f.write("\n")
    if failed:
        print("failed: " + " ".join(failed), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
