#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Manual pages and --help name the same options, and a page's SEE ALSO only pages that there are.
Arguments: the project's folder, then the programs; ./pvg with its verbs is always looked at.
"""
import os
import re
import subprocess
import sys

ROOT, PROGRAMS = sys.argv[1], sys.argv[2:]
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")
PAGES = os.path.join(ROOT, "docs", "man")


def page_options(text):
    """The options that have an entry: they stand in its heading. Roff's hyphens and fonts are taken away."""
    headings = "\n".join(re.findall(r"^\.TP\n(.*)$", text, flags=re.M)).replace("\\-", "-")
    return set(OPTION.findall(re.sub(r"\\f[A-Z]", " ", headings)))


def help_of(*command):
    done = subprocess.run([*command, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode or done.stderr:
        sys.exit(f"{command}: --help ended with {done.returncode}: {done.stderr.decode()}")
    return set(OPTION.findall(done.stdout.decode())) | {"--help"}


def main():
    door = os.path.join(ROOT, "pvg")
    verbs = sorted(n[5:] for n in os.listdir(os.path.join(ROOT, "scripts")) if n.startswith("verb-"))
    told = {"pvg": set().union(help_of(door), *(help_of(door, verb) for verb in verbs))}
    for program in PROGRAMS:
        told[os.path.basename(program)] = help_of(program)
    bad = 0
    for name, options in told.items():
        with open(os.path.join(PAGES, name + ".1"), encoding="utf-8") as f:
            text = f.read()
        page = page_options(text)
        for what, which in (("only in the manual page", page - options), ("only in --help", options - page)):
            if which:
                print(f"{name}: {what}: {' '.join(sorted(which))}")
                bad += 1
        for other, section in re.findall(r"^\.BR (pvg[\w-]*) \((\d)\)", text, flags=re.M):
            if not os.path.exists(os.path.join(PAGES, f"{other}.{section}")):
                print(f"{name}: refers to {other}({section}), which there is not")
                bad += 1
    print(f"{len(told)} programs looked at")
    return 1 if bad else 0


sys.exit(main())
