//! An answer ready to be written: HTTP framing included, with the places where the schedule pauses.

use crate::answer;

/// The bytes of one answer. Write number `i` ends at `cuts[i]`.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) bytes: Vec<u8>,
    pub(super) cuts: Vec<usize>,
    /// Whether it is a model's answer, and so counted.
    pub(super) chat: bool,
}

impl Plan {
    /// A streamed answer: as many writes as tokens, or one. The head and the role ride with the first token, the finish,
    /// the usage and `[DONE]` with the last: so a token costs a client exactly one read.
    pub(super) fn stream(tokens: usize, at_once: bool) -> Plan {
        let body = answer::chat_stream(tokens);
        let mut bytes = STREAM_HEAD.as_bytes().to_vec();
        let mut cuts = Vec::new();
        let mut start = 0;
        for (index, &end) in body.ends.iter().enumerate() {
            // One HTTP chunk per event, as providers send them.
            bytes.extend_from_slice(format!("{:x}\r\n", end - start).as_bytes());
            bytes.extend_from_slice(&body.bytes[start..end]);
            bytes.extend_from_slice(b"\r\n");
            start = end;
            // Event 0 is the role; events 1..=tokens are the words.
            if !at_once && (1..tokens).contains(&index) {
                cuts.push(bytes.len());
            }
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        cuts.push(bytes.len());
        Plan {
            bytes,
            cuts,
            chat: true,
        }
    }

    /// The unary answer in one write.
    pub(super) fn unary() -> Plan {
        Plan {
            chat: true,
            ..Plan::whole("application/json", &answer::chat_unary())
        }
    }

    /// What is no model's answer, in one write.
    pub(super) fn whole(content_type: &str, body: &[u8]) -> Plan {
        let mut bytes = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\nx-request-id: req_bench0\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        Plan {
            cuts: vec![bytes.len()],
            bytes,
            chat: false,
        }
    }

    /// A refusal of the mock itself, in the dialect's shape.
    pub(super) fn refusal(status: &str, why: &str) -> Plan {
        let body =
            format!("{{\"error\":{{\"message\":\"{why}\",\"type\":\"invalid_request_error\"}}}}");
        let mut bytes = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(body.as_bytes());
        Plan {
            cuts: vec![bytes.len()],
            bytes,
            chat: false,
        }
    }
}

/// Headers in the number and length that a hosted provider sends.
const STREAM_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
    cache-control: no-cache\r\nx-request-id: req_bench0\r\nopenai-processing-ms: 21\r\n\
    x-ratelimit-remaining-requests: 9999\r\nx-ratelimit-remaining-tokens: 1999968\r\n\
    transfer-encoding: chunked\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paced_stream_has_one_write_a_token_and_a_burst_has_one() {
        for tokens in [1, 2, 64] {
            let paced = Plan::stream(tokens, false);
            assert_eq!(paced.cuts.len(), tokens);
            assert_eq!(*paced.cuts.last().unwrap(), paced.bytes.len());
            let burst = Plan::stream(tokens, true);
            assert_eq!(burst.cuts, [burst.bytes.len()]);
            assert_eq!(burst.bytes, paced.bytes);
        }
    }

    #[test]
    fn each_write_of_a_paced_stream_holds_one_word() {
        let plan = Plan::stream(4, false);
        let mut start = 0;
        for (index, &end) in plan.cuts.iter().enumerate() {
            let write = std::str::from_utf8(&plan.bytes[start..end]).unwrap();
            assert_eq!(write.matches("{\"content\":").count(), 1, "write {index}");
            start = end;
        }
    }
}
