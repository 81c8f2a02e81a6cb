//! Events on their way through a store that other processes write to: whatever lies there, what is read of it is no more than that,
//! and is said so that it is read the same again.

use libllm_proto::Batch;

/// Any bytes in the place of packed events.
pub(crate) fn packed(data: &[u8]) {
    let Some(batch) = Batch::unpack(data) else {
        return;
    };
    assert!(batch.bytes() <= data.len(), "more than there was");
    let mut again = Vec::new();
    batch.pack(&mut again);
    let read = Batch::unpack(&again).expect("what was packed is read");
    assert!(batch.iter().eq(read.iter()), "{batch:?} is not {read:?}");
    for end in 0..again.len() {
        assert!(Batch::unpack(&again[..end]).is_none(), "cut at {end}");
    }
}
