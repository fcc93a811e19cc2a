"""Fetch one published file: resumed after a cut, checked, and there whole or not at all.

What came so far lies beside the final name as `NAME.partial`, with the server's mark of its version
(`NAME.version`); a later call, or another process after a crash, goes on from there. Only a file
of the right length and checksum is renamed to its final name.

Files on the Hugging Face hub are looked up by `huggingface_hub`: its cache is used where it holds
the file, and its endpoint, credentials, sizes and checksums hold. Their bytes come the same way as
all others, since its own download starts anew after a crash and does not compare checksums.

Read in this order:
    fetch           a file to its final name
    _receive_all    the bytes, in as many attempts as it takes
    _receive        one attempt
    _accept         the checks
"""

import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import huggingface_hub
from filelock import FileLock, Timeout
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import build_hf_headers

from maskgit.published import HubError, RemoteFile, StoppedError
from maskgit.whole_files import write_text

TIMEOUT_S = 15.0  # without a byte
PAUSES_S = (1.0, 2.0, 4.0, 8.0)  # between attempts that brought nothing; then it gives up
_CHUNK_BYTES = 2**20
_LOCK_POLL_S = 0.1
_BUSY = {408, 425, 429, 500, 502, 503, 504}  # worth another attempt

OnBytes = Callable[[int, int], None]  # bytes that are here, bytes in all
Asked = Callable[[], bool]


class Offer(NamedTuple):
    """What a place says of its file before it is transferred."""

    url: str
    headers: dict[str, str]
    num_bytes: int | None
    sha256: str | None


def fetch(file: RemoteFile, target: Path, records: Path, on_bytes: OnBytes, stop: Asked) -> Path:
    """Fetch a file, unless it is there already.

    Args:
        file: Which.
        target: Its final name.
        records: JSON file of the checksums seen first, by place.
        on_bytes: Told how far it is, at least once.
        stop: Asked between chunks; True ends it.

    Returns:
        `target`, or the file in the hub's own cache if that has it.

    Raises:
        StoppedError: If `stop` said so.
        HubError: If the file cannot be had as it was published.
    """
    if cached := in_hub_cache(file):
        on_bytes(cached.stat().st_size, cached.stat().st_size)
        return cached
    with locked(target, stop):
        if not target.is_file():
            offer = _offer(file)
            if offer.num_bytes is not None:
                _require_plausible(file, offer.num_bytes)
                require_space(target.parent, offer.num_bytes - _size(_partial(target)))
            job = _Transfer(file, offer, target, on_bytes, stop)
            _receive_all(job)
            _accept(job, records)
        on_bytes(_size(target), _size(target))
    return target


def in_hub_cache(file: RemoteFile) -> Path | None:
    """Give the file in the cache of `huggingface_hub`, if it is there; looks at the disk only."""
    if file.on_hub is None:
        return None
    found = huggingface_hub.try_to_load_from_cache(*file.on_hub)
    return Path(found) if isinstance(found, str) else None


@contextmanager
def locked(target: Path, stop: Asked) -> Iterator[None]:
    """Wait until no other process works on `target`; make its folder.

    Raises:
        StoppedError: If `stop` said so meanwhile.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.with_name(f"{target.name}.lock"))
    while True:
        try:
            lock.acquire(timeout=_LOCK_POLL_S)
            break
        except Timeout:
            _require_wanted(stop)
    try:
        yield
    finally:
        lock.release()


def require_space(folder: Path, num_bytes: int) -> None:
    """Refuse to begin what cannot end.

    Raises:
        HubError: If the disk has not so many bytes left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        raise HubError(
            f"Not enough space: {megabytes(num_bytes)} are needed in {folder}, "
            f"{megabytes(free)} are free. Make room, or set MASKGIT_CACHE to a folder on a "
            "larger disk."
        )


def discard(target: Path) -> None:
    """Delete a file and what there is of it."""
    for path in (target, _partial(target), _version(target)):
        path.unlink(missing_ok=True)


def num_bytes_here(target: Path) -> int:
    """Say how much of a file is here."""
    return max(_size(target), _size(_partial(target)))


def megabytes(num_bytes: int) -> str:
    """Write a size as people read it."""
    return f"{num_bytes / 1e9:.2f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.1f} MB"


def _offer(file: RemoteFile) -> Offer:
    """Ask the hub about its file; other places say all they know with the bytes."""
    if file.on_hub is None:
        return Offer(file.place, {}, None, None)
    endpoint = os.environ.get("HF_ENDPOINT") or None
    repository, path = file.on_hub
    url = huggingface_hub.hf_hub_url(repository, path, endpoint=endpoint)
    try:
        known = huggingface_hub.get_hf_file_metadata(url, timeout=TIMEOUT_S, endpoint=endpoint)
    except HfHubHTTPError as error:
        raise _refused(file, error.response.status_code) from error
    except Exception as error:  # of whichever HTTP library this version of the hub's client uses
        raise _unreachable(file, error) from error
    is_sha256 = known.etag is not None and len(known.etag) == 64
    headers = build_hf_headers()
    return Offer(url, headers, known.size, known.etag if is_sha256 else None)


class _Transfer(NamedTuple):
    """One file on its way."""

    file: RemoteFile
    offer: Offer
    target: Path
    on_bytes: OnBytes
    stop: Asked


def _receive_all(job: _Transfer) -> None:
    """Receive until all is there; attempts that bring something are not counted."""
    failures = 0
    with httpx.Client(timeout=TIMEOUT_S, follow_redirects=True) as client:
        while True:
            before = _size(_partial(job.target))
            try:
                _receive(job, client)
                return
            except httpx.HTTPStatusError as error:
                status = error.response.status_code
                if status not in _BUSY or failures == len(PAUSES_S):
                    raise _refused(job.file, status) from error
            except httpx.TransportError as error:
                if _size(_partial(job.target)) > before:
                    failures = 0
                elif failures == len(PAUSES_S):
                    raise _unreachable(job.file, error) from error
            except OSError as error:
                raise _unwritable(job.target, error) from error
            _pause(PAUSES_S[min(failures, len(PAUSES_S) - 1)], job.stop)
            failures += 1


def _receive(job: _Transfer, client: httpx.Client) -> None:
    """Ask for what is missing and write it; raises httpx's errors when it is cut."""
    _require_wanted(job.stop)
    start, mark = _size(_partial(job.target)), _read(_version(job.target))
    headers = {**job.offer.headers, "Accept-Encoding": "identity"}
    if start and mark:  # the server sends all if its file is another one by now
        headers |= {"Range": f"bytes={start}-", "If-Range": mark}
    with client.stream("GET", job.offer.url, headers=headers) as response:
        status, sends = response.status_code, response.headers.get("Content-Range", "")
        if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and sends == f"bytes */{start}":
            return  # nothing is missing
        if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE or (
            status == httpx.codes.PARTIAL_CONTENT and not sends.startswith(f"bytes {start}-")
        ):
            discard(job.target)
            raise httpx.ReadError("what is here does not belong to the file; starting anew")
        response.raise_for_status()
        _write_body(job, response, start if status == httpx.codes.PARTIAL_CONTENT else 0)


def _write_body(job: _Transfer, response: httpx.Response, start: int) -> None:
    """Write what comes behind the first `start` bytes of the partial file."""
    if "text/html" in response.headers.get("Content-Type", ""):
        raise HubError(
            f"{job.file.url} was answered with a web page instead of the file. A network that asks "
            "for a login does that: open any page in a browser, log in, and try again."
        )
    sent = int(response.headers.get("Content-Length", 0))
    total = start + sent if sent else job.file.num_bytes
    if sent:
        _require_plausible(job.file, total)
        require_space(job.target.parent, sent)
    with _partial(job.target).open("r+b" if start else "wb") as out:
        out.seek(start)
        out.truncate()
        # Not before: a crash in between would leave bytes of one version with the mark of another.
        _version(job.target).write_text(_mark(response.headers), encoding="utf-8")
        job.on_bytes(start, total)
        for chunk in response.iter_raw():
            out.write(chunk)
            job.on_bytes(out.tell(), total)
            _require_wanted(job.stop)
        out.flush()
        os.fsync(out.fileno())  # before the rename, so that no crash leaves a hole under the name


def _mark(headers: Mapping[str, str]) -> str:
    """What names this version of the file, or nothing: then it cannot be resumed."""
    etag = headers.get("ETag", "")
    return headers.get("Last-Modified", "") if etag.startswith("W/") or not etag else etag


def _accept(job: _Transfer, records: Path) -> None:
    """Rename what came to its final name, if it is what was published."""
    file, offer, target, partial = job.file, job.offer, job.target, _partial(job.target)
    if offer.num_bytes is not None and _size(partial) != offer.num_bytes:
        found = _size(partial)
        discard(target)
        raise HubError(
            f"{file.url} came with {found} bytes instead of {offer.num_bytes}. It was deleted; "
            "try again, and if it happens again, try later: the server is at fault."
        )
    found = _sha256(partial)
    with locked(records, lambda: False):
        known = json.loads(_read(records) or "{}")
        expected = file.sha256 or offer.sha256 or known.get(file.place)
        if expected not in (None, found):
            discard(target)
            raise HubError(
                f"{file.url} is not the file it should be: its checksum is {found[:16]}..., "
                f"expected {expected[:16]}... It was deleted; try again. If it happens again, the "
                "file was changed by its publisher or on its way; do not use it."
            )
        if known.get(file.place) != found:
            write_text(records, json.dumps({**known, file.place: found}, indent=1) + "\n")
    partial.replace(target)
    _version(target).unlink(missing_ok=True)


def _require_plausible(file: RemoteFile, num_bytes: int) -> None:
    """Refuse early what cannot be the file; published sizes are known to a few percent only."""
    if not file.num_bytes / 2 <= num_bytes <= 2 * file.num_bytes:
        raise HubError(
            f"{file.url} offers {megabytes(num_bytes)} where {megabytes(file.num_bytes)} were "
            "published, so it is another file. Nothing was saved; try again later."
        )


def _require_wanted(stop: Asked) -> None:
    if stop():
        raise StoppedError("Stopped. What came so far is kept; the next try goes on from there.")


def _refused(file: RemoteFile, status: int) -> HubError:
    if status in (401, 403, 407):
        then = "It may need a login or a proxy's permission: open it in a browser to see."
        if file.on_hub:
            then = "It may need an account: run `hf auth login`, or open it in a browser to see."
    elif status in (404, 410):
        then = "It was moved or deleted by its publisher. See docs/models.md for other sources."
    else:
        then = "The server has a problem: try again later; what came so far is kept."
    return HubError(f"{file.url} was refused with status {status}. {then}")


def _unreachable(file: RemoteFile, error: Exception) -> HubError:
    reason = str(error).partition("\n")[0] or type(error).__name__
    return HubError(
        f"{file.url} could not be reached ({reason}). Check the internet connection and try again; "
        "what came so far is kept."
    )


def _unwritable(target: Path, error: OSError) -> HubError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return HubError(
            f"The disk is full: {target.parent} took no more. Make room, or set MASKGIT_CACHE to a "
            "folder on a larger disk, and try again; what came so far is kept."
        )
    return HubError(f"{target.parent} cannot be written to: {error.strerror or error}.")


def _pause(seconds: float, stop: Asked) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        _require_wanted(stop)
        time.sleep(min(left, _LOCK_POLL_S))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _partial(target: Path) -> Path:
    return target.with_name(f"{target.name}.partial")


def _version(target: Path) -> Path:
    return target.with_name(f"{target.name}.version")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
