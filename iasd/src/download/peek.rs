//! The beginning of a body, looked at before anything is done with it.

use super::{fetch::Body, portal::LOOKED_AT};
use futures::{StreamExt as _, stream};

/// The first bytes of `body`, and all of it as it was.
pub(crate) async fn peek(body: Body) -> (Vec<u8>, Body) {
    // A body that has ended must not be asked again.
    let mut body = body.fuse();
    let (mut first, mut pieces) = (Vec::new(), Vec::new());
    while first.len() < LOOKED_AT {
        let Some(piece) = body.next().await else { break };
        let came = piece.as_deref().unwrap_or_default();
        first.extend(came.iter().take(LOOKED_AT - first.len()));
        let broken = piece.is_err();
        pieces.push(piece);
        if broken {
            break;
        }
    }
    (first, stream::iter(pieces).chain(body).boxed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::download::fetch::FetchError;
    use bytes::Bytes;

    #[tokio::test]
    async fn a_body_is_the_same_after_a_look_at_it() {
        let piece = |length: usize| Ok(Bytes::from(vec![b'x'; length]));
        let broken = || Err(FetchError::Broken("gone".into()));
        for (pieces, seen) in [
            (vec![], 0),
            (vec![piece(3), piece(0), piece(4)], 7),
            (vec![piece(500), piece(500), piece(500)], LOOKED_AT),
            (vec![piece(2), broken()], 2),
            (vec![broken()], 0),
        ] {
            let source =
                stream::unfold(pieces.clone().into_iter(), |mut left| async { Some((left.next()?, left)) });
            let (first, body) = peek(source.boxed()).await;
            assert_eq!(first.len(), seen);
            assert_eq!(body.collect::<Vec<_>>().await, pieces);
        }
    }
}
