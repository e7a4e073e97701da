"""Is what a receipt says still so? Everything is searched again, also where nothing should be."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.erasure.erasure import Searcher, Stores, merged
from connectors.erasure.signing import Signer
from connectors.suppression import SuppressionFiles
from udfs.erasure import SignedReceipt, Target
from udfs.suppression import SuppressionList


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
    files = SuppressionFiles(stores.lake)
    listed = {entry for entries in files.read().values() for entry in entries}
    if lacking := len(set(receipt.suppressed) - listed):
        yield f"the suppression list lacks {lacking} entries of the receipt: they may come back"
    suppressed = SuppressionList(merged([*receipt.suppressed, *files.noted_by_job()]), stores.keys)
    if suppressed.unknown_keys:
        yield (
            "the receipt was made under a key of the pseudonyms that is not given; "
            "name it in pseudonyms.former.key.files or pseudonyms.former.secret.arns"
        )
        return
    for place in Searcher(stores).search(Target(suppressed), everywhere=True):
        if place.rows:
            yield f"{place.name}: {place.rows} found"
