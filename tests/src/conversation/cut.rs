//! The parser asked twice about the same bytes, once in one piece and once in two: it has to say the same.

use larder_proto::resp::{Limits, Progress, ProtocolError, RequestParser};

/// What a parser made of some bytes: the words of each whole request, then how it ended.
type Reading = (Vec<Vec<Vec<u8>>>, Result<usize, ProtocolError>);

/// Checks that the requests in `bytes` are the same whether they come at once or cut at `cut`, and that a parser which
/// wants more bytes wants more than it has.
///
/// # Errors
/// A sentence that says what differs.
pub fn same_however_cut(bytes: &[u8], cut: usize) -> Result<(), String> {
    let whole = read(&[bytes])?;
    let (left, right) = bytes.split_at(cut.min(bytes.len()));
    let halves = read(&[left, right])?;
    if whole == halves { Ok(()) } else { Err(format!("in one piece {whole:?}, cut at {cut} {halves:?}")) }
}

/// Reads pieces as a connection does: bytes are kept until their request is whole.
fn read(pieces: &[&[u8]]) -> Result<Reading, String> {
    let mut parser = RequestParser::new();
    let (mut kept, mut requests) = (Vec::new(), Vec::new());
    for piece in pieces {
        kept.extend_from_slice(piece);
        while !kept.is_empty() {
            match parser.parse(&mut kept, &LIMITS) {
                Ok(Progress::Complete { consumed }) if consumed == 0 || consumed > kept.len() => {
                    return Err(format!("a request of {consumed} bytes out of {}", kept.len()));
                }
                Ok(Progress::Complete { consumed }) => {
                    let words = parser.arguments();
                    if let Some(word) = words.iter().find(|word| word.end() > consumed) {
                        return Err(format!("a word that ends at {} in a request of {consumed}", word.end()));
                    }
                    requests.push(words.iter().map(|word| word.of(&kept).to_vec()).collect());
                    kept.drain(..consumed);
                }
                Ok(Progress::Incomplete { wanted }) if wanted <= kept.len() => {
                    return Err(format!("wants {wanted} bytes and has {}", kept.len()));
                }
                Ok(Progress::Incomplete { .. }) => break,
                Err(error) => return Ok((requests, Err(error))),
            }
        }
    }
    Ok((requests, Ok(kept.len())))
}

/// Small, so that random bytes reach each of them.
const LIMITS: Limits =
    Limits { arguments_max: 64, bulk_bytes_max: 512, inline_bytes_max: 128, frame_bytes_max: 2_048 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_anywhere_changes_nothing() {
        let bytes = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\nset \"a b\" 'c'\r\n*1\r\n$4\r\nPING\r\n*1\r\n$x";
        assert_eq!(read(&[bytes]).unwrap().0.len(), 3);
        for cut in 0..=bytes.len() {
            assert_eq!(same_however_cut(bytes, cut), Ok(()), "cut at {cut}");
        }
    }
}
