"""A root file system as the service's: read-only but for ``/tmp``, nothing of ours but the zip.

    /opt/service    a Python environment: apache-flink and what it requires, nothing else
    /opt/app        the zip, unpacked
    /etc/flink      application_properties.json
    /usr, Java, Python's own files, /proc, some of /dev    this machine's

The job manager, the task manager and the client see this root only, as a user without rights.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from connectors.deployment.lock import read_lock
from connectors.deployment.wheels import FLINK
from tests.chaos.cluster import Role, Site
from tests.rehearsal.isolation import IsolationError
from tests.rehearsal.kpu import Kpu

PROJECT = Path(__file__).resolve().parents[2]
SERVICE = Path("/opt/service")
APP = Path("/opt/app")
PROPERTIES = Path("/etc/flink/application_properties.json")
_NOBODY = 65534
_LINKED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
_ETC = ("alternatives", "java-11-openjdk", "java-17-openjdk", "ld.so.cache", "ssl")
_DEV = ("full", "null", "random", "urandom", "zero")


class ServiceRoot:
    """The root, mounted within a mount namespace of this process's own."""

    def __init__(self, work_dir: Path, package: Path, environment: Path) -> None:
        """Mount it.

        Args:
            work_dir: below ``/tmp``; there the root is at ``root`` and its ``/tmp`` at ``tmp``.
            package: the zip.
            environment: the service's Python environment.
        """
        self._root = work_dir / "root"
        self._tmp = work_dir / "tmp"
        app = work_dir / "app"
        with zipfile.ZipFile(package) as archive:
            archive.extractall(app)
        self._tmp.mkdir()
        self._tmp.chmod(0o1777)
        self._root.mkdir()
        _mount("-t", "tmpfs", "-o", "mode=755", "rehearsal", str(self._root))
        self._fill(app, environment)

    def _fill(self, app: Path, environment: Path) -> None:
        self._show(Path("/usr"))
        for name in _LINKED:
            path = Path("/") / name
            if path.is_symlink():
                (self._root / name).symlink_to(path.readlink())
            elif path.is_dir():
                self._show(path)
        for path in (Path(sys.base_prefix), Path(os.environ["JAVA_HOME"])):
            if not path.is_relative_to("/usr"):
                self._show(path)
        for name in _ETC:
            if (path := Path("/etc") / name).exists():
                self._show(path)
        self._write("/etc/passwd", f"flink:x:{_NOBODY}:{_NOBODY}::/tmp:/bin/sh\n")
        self._write("/etc/group", f"flink:x:{_NOBODY}:\n")
        self._write("/etc/hosts", f"127.0.0.1 localhost {socket.gethostname()}\n")
        for name in _DEV:
            self._show(Path("/dev") / name)
        (self._root / "dev" / "fd").symlink_to("/proc/self/fd")
        self._bind(app, APP)
        self._bind(environment, SERVICE)
        self._bind(self._tmp, Path("/tmp"), "rw")  # noqa: S108 - the root's own
        proc = self._root / "proc"
        proc.mkdir()
        _mount("-t", "proc", "proc", str(proc))

    def close(self, properties: Mapping[str, Mapping[str, str]]) -> None:
        """Write the property groups where the service does; from then on the root is read-only."""
        entries = [
            {"PropertyGroupId": group, "PropertyMap": dict(values)}
            for group, values in properties.items()
        ]
        self._write(str(PROPERTIES), json.dumps(entries))
        _mount("-o", "remount,ro", str(self._root))

    def share(self, folder: Path) -> None:
        """Let the root see a folder below ``/tmp`` at its own path, and its user write there."""
        for path in [folder, *folder.rglob("*")]:
            if not path.is_symlink():
                os.chown(path, _NOBODY, _NOBODY)
        self._bind(folder, folder, "rw")

    def enter(self, kpu: Kpu) -> tuple[str, ...]:
        """What a command begins with, to run here within the limits of a KPU."""
        user = [f"--userspec={_NOBODY}:{_NOBODY}", "--groups="] if _may_be_nobody() else []
        chroot = shutil.which("chroot") or "/usr/sbin/chroot"  # that folder is not on every PATH
        return (*kpu.entered_by, chroot, *user, str(self._root))

    def site(self, kpus: Mapping[Role, Kpu], options: Mapping[str, str]) -> Site:
        """Where Flink's processes run.

        Args:
            kpus: the limits of each kind of process.
            options: of Flink's.
        """
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return Site(
            flink=SERVICE / "lib" / version / "site-packages" / "pyflink",
            python=str(SERVICE / "bin" / "python"),
            jar=APP / "lib" / "pyflink-dependencies.jar",
            environment={
                "PATH": f"{SERVICE}/bin:/usr/bin:/bin",
                "JAVA_HOME": os.environ["JAVA_HOME"],
                "HOME": "/tmp",  # noqa: S108 - the root's own
                "LANG": "C.UTF-8",
                "JVM_ARGS": "",
            },
            entered_by={role: self.enter(kpu) for role, kpu in kpus.items()},
            options=options,
        )

    def _write(self, path: str, text: str) -> None:
        file = self._root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def _show(self, path: Path) -> None:
        self._bind(path.resolve(), path)

    def _bind(self, source: Path, seen: Path, mode: str = "ro") -> None:
        target = self._root / seen.relative_to("/")
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        _mount("-o", f"bind,{mode}", str(source), str(target))


def make_environment(folder: Path) -> None:
    """A Python environment with what the service has, from the lock; once made it is kept."""
    packages = read_lock(PROJECT / "requirements.lock").closure([FLINK])
    requirements = "\n".join(package.requirement for package in packages)
    made_from = folder / "requirements.txt"
    if made_from.is_file() and made_from.read_text(encoding="utf-8") == requirements:
        return
    shutil.rmtree(folder, ignore_errors=True)
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    wanted = folder / "requirements.in"
    wanted.write_text(requirements, encoding="utf-8")
    subprocess.run(
        [
            uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python",
            "--no-deps", "--require-hashes",
            "--build-constraints", PROJECT / "deploy" / "setup" / "build-constraints.txt",
            "--requirement", wanted,
        ],
        check=True,
    )  # fmt: skip
    wanted.rename(made_from)


def _may_be_nobody() -> bool:
    """Whether the user without rights exists in this user namespace."""
    first, _, count = map(int, Path("/proc/self/uid_map").read_text().split()[:3])
    return first + count > _NOBODY


def _mount(*arguments: str) -> None:
    done = subprocess.run(
        ["mount", *arguments],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        msg = f"this machine allows no mounts ({' '.join(done.stderr.split())}); run as root"
        raise IsolationError(msg)
