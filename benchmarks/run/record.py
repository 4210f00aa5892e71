# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes what was measured, and on what, to benchmarks/results/."""

import datetime
import json
import os
import pathlib
import platform
import subprocess


def first_line(command, cwd=None):
    try:
        out = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=10, check=True)
        return out.stdout.strip().splitlines()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        return "unknown"


def cpu_model():
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def cache_value(bin_dir, key):
    """A value of the CMake cache of the build tree that the binaries came from."""
    try:
        for line in (pathlib.Path(bin_dir).parent / "CMakeCache.txt").read_text().splitlines():
            if line.startswith(key + ":"):
                return line.partition("=")[2]
    except OSError:
        pass
    return ""


def portable(argument):
    """Where a file lies on the machine that measured says nothing to a reader."""
    return pathlib.Path(argument).name if argument.startswith("/") else argument


def environment(root, bin_dir, arguments):
    compiler = cache_value(bin_dir, "CMAKE_CXX_COMPILER") or "c++"
    commit = first_line(["git", "rev-parse", "--short=12", "HEAD"], root)
    if commit != "unknown" and first_line(["git", "status", "--porcelain"], root) != "unknown":
        commit += " with local changes"
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit,
        "command": " ".join(portable(argument) for argument in arguments),
        "compiler": first_line([compiler, "--version"]),
        "build_type": cache_value(bin_dir, "CMAKE_BUILD_TYPE") or "unknown",
        "cpu": f"{cpu_model()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}",
    }


def write(directory, name, about, markdown, data):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    lines = [f"# {name}", ""]
    lines += [f"- {key.replace('_', ' ')}: {value}" for key, value in about.items()]
    (directory / f"{name}.md").write_text("\n".join(lines) + "\n\n" + markdown + "\n")
    (directory / f"{name}.json").write_text(json.dumps({"about": about, **data}, indent=1) + "\n")
    return directory / f"{name}.md"


def write_section(directory, name, title, about, markdown, data):
    """As write(), but as one section of NAME.md, whose other sections stay; the data alone are NAME.json."""
    file = pathlib.Path(directory) / f"{name}.md"
    text = file.read_text() if file.exists() else f"# {name}\n"
    before, _, after = text.partition(f"\n## {title}\n")
    _, mark, after = after.partition("\n## ")
    facts = "\n".join(f"- {key.replace('_', ' ')}: {value}" for key, value in about.items())
    file.write_text(f"{before.rstrip()}\n\n## {title}\n\n{facts}\n\n{markdown}\n{mark}{after}")
    file.with_suffix(".json").write_text(json.dumps({"about": about, **data}, indent=1) + "\n")
    return file
