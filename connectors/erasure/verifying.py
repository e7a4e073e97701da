"""Is what a receipt says still so? Everything is searched again, also where nothing should be."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.erasure.erasure import Searcher, Stores, merged
from connectors.erasure.lake_store import LakeStore
from connectors.erasure.parquet_rows import OfVoice
from connectors.erasure.signing import Signer
from connectors.suppression import SuppressionFiles
from udfs.erasure import Place, Receipt, SignedReceipt, Target
from udfs.suppression import SuppressionList, digesters

_UNKNOWN_KEY = (
    "the receipt was made under a key of the pseudonyms that is not given; "
    "name it in pseudonyms.former.key.files or pseudonyms.former.secret.arns"
)


def verify(signed: SignedReceipt, stores: Stores, signer: Signer) -> Iterator[str]:
    """What is not as it should be, each in one line; nothing when all is well.

    Reads the columns that tell whose a row is of every file of the lake, every hidden version,
    every staged object, and every id in the warehouse.

    Args:
        signed: the receipt.
        stores: where to search.
        signer: whose signature it must have.

    Raises:
        LakeError: the lake cannot be read.
        WarehouseError: the warehouse cannot be asked.
        SigningError: the signature cannot be checked.
    """
    if not signer.is_own(signed):
        yield "the receipt was changed after it was signed, or another key signed it"
        return
    receipt = signed.receipt
    if receipt.scope == "voice":
        yield from _voice_left(receipt, stores)
        return
    files = SuppressionFiles(stores.lake)
    listed = {entry for entries in files.read().values() for entry in entries}
    if lacking := len(set(receipt.suppressed) - listed):
        yield f"the suppression list lacks {lacking} entries of the receipt: they may come back"
    suppressed = SuppressionList(merged([*receipt.suppressed, *files.noted_by_job()]), stores.keys)
    if suppressed.unknown_keys:
        yield _UNKNOWN_KEY
        return
    for place in Searcher(stores).search(Target(suppressed), everywhere=True):
        if place.rows:
            yield f"{place.name}: {place.rows} found"


def _voice_left(receipt: Receipt, stores: Stores) -> Iterator[str]:
    """Where rows still rest on a voice that was taken out of its call's rows."""
    made_with = list(digesters([receipt.subject.under], stores.keys))
    if not made_with:
        yield _UNKNOWN_KEY
        return
    goes = OfVoice(receipt.subject, made_with[0])
    places: list[Place] = []
    if stores.warehouse is not None and receipt.subject.dt is not None:
        voices = stores.warehouse.voices(receipt.subject.dt)
        places += stores.warehouse.search_rows(
            {call_id for call_id, who in voices if goes.is_of(call_id, who)}, goes
        )
    places += stores.staged.search(goes)
    lake_store = LakeStore(stores.lake, stores.rules)
    for partition in lake_store.partitions(Target(SuppressionList((), ())), everywhere=True):
        places += lake_store.search(partition, goes, with_kept=False)
    for place in places:
        yield f"{place.name}: {place.rows} found"
