//! A writer of small databases in `MaxMind`'s format, as <https://maxmind.github.io/MaxMind-DB/> has it: a binary tree of
//! 24-bit records over IPv4 addresses, a section of data, and metadata at the end.

use std::net::Ipv4Addr;

/// A value of the format.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(&'static str),
    Short(u16),
    Number(u32),
    Long(u64),
    Double(f64),
    Map(Vec<(&'static str, Value)>),
    List(Vec<Value>),
}

/// A record of the tree.
#[derive(Clone, Copy)]
enum Record {
    None,
    Node(usize),
    /// Offset within the data.
    Data(usize),
}

/// Bytes between the tree and the data.
const SEPARATOR: usize = 16;

/// A file of this type, built at this second since 1970, with these networks.
pub(crate) fn database(kind: &'static str, built: u64, networks: &[(Ipv4Addr, u32, Value)]) -> Vec<u8> {
    let (mut nodes, mut data) = (vec![[Record::None; 2]], Vec::new());
    for (address, prefix, value) in networks {
        let offset = data.len();
        write(value, &mut data);
        insert(&mut nodes, u32::from(*address), *prefix, offset);
    }
    let mut file = Vec::new();
    for record in nodes.iter().flatten() {
        let number = match record {
            Record::None => nodes.len(),
            Record::Node(node) => *node,
            Record::Data(offset) => nodes.len() + SEPARATOR + offset,
        };
        file.extend_from_slice(&(number as u32).to_be_bytes()[1..]);
    }
    file.extend_from_slice(&[0; SEPARATOR]);
    file.extend_from_slice(&data);
    file.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    let metadata = Value::Map(vec![
        ("binary_format_major_version", Value::Short(2)),
        ("binary_format_minor_version", Value::Short(0)),
        ("build_epoch", Value::Long(built)),
        ("database_type", Value::Text(kind)),
        ("description", Value::Map(vec![("en", Value::Text("for tests"))])),
        ("ip_version", Value::Short(4)),
        ("languages", Value::List(vec![Value::Text("en")])),
        ("node_count", Value::Number(nodes.len() as u32)),
        ("record_size", Value::Short(24)),
    ]);
    write(&metadata, &mut file);
    file
}

/// A network at a place, known to within so many km.
pub(crate) fn place(network: [u8; 4], country: &'static str, lat: f64, lon: f64, km: u16) -> (Ipv4Addr, u32, Value) {
    let location = vec![
        ("accuracy_radius", Value::Short(km)),
        ("latitude", Value::Double(lat)),
        ("longitude", Value::Double(lon)),
    ];
    let country = Value::Map(vec![("iso_code", Value::Text(country))]);
    let value = Value::Map(vec![("country", country), ("location", Value::Map(location))]);
    (Ipv4Addr::from(network), 24, value)
}

fn insert(nodes: &mut Vec<[Record; 2]>, address: u32, prefix: u32, offset: usize) {
    let mut node = 0;
    for depth in 0..prefix {
        let bit = (address >> (31 - depth) & 1) as usize;
        if depth + 1 == prefix {
            nodes[node][bit] = Record::Data(offset);
        } else if let Record::Node(next) = nodes[node][bit] {
            node = next;
        } else {
            nodes.push([Record::None; 2]);
            let next = nodes.len() - 1;
            nodes[node][bit] = Record::Node(next);
            node = next;
        }
    }
}

/// Writes the byte that says what comes and how long it is. Sizes of 29 and more take a second byte, kinds above 7, too.
fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    let short = size.min(29) as u8;
    out.push(if kind > 7 { short } else { kind << 5 | short });
    if kind > 7 {
        out.push(kind - 7);
    }
    if size >= 29 {
        out.push((size - 29) as u8);
    }
}

/// Writes an unsigned number without its leading zeros.
fn whole(kind: u8, number: u64, out: &mut Vec<u8>) {
    let bytes: Vec<u8> = number.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    control(kind, bytes.len(), out);
    out.extend_from_slice(&bytes);
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => {
            control(2, text.len(), out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Double(number) => {
            control(3, 8, out);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Short(number) => whole(5, u64::from(*number), out),
        Value::Number(number) => whole(6, u64::from(*number), out),
        Value::Long(number) => whole(9, *number, out),
        Value::Map(entries) => {
            control(7, entries.len(), out);
            for (key, value) in entries {
                write(&Value::Text(key), out);
                write(value, out);
            }
        }
        Value::List(values) => {
            control(11, values.len(), out);
            for value in values {
                write(value, out);
            }
        }
    }
}
