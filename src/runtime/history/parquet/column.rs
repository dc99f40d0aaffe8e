//! One column of a Parquet file: where its bytes are, and their decoding, a range of rows at a time.

use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::ops::Range;

use polars_arrow::array::{Array, StructArray};
use polars_arrow::compute::concatenate::concatenate;
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field};
use polars_buffer::Buffer;
use polars_parquet::read::{
    BasicDecompressor, ColumnChunkMetadata, Filter, PageReader, RowGroupMetadata, column_iter_to_arrays,
};

use crate::event::field::Shape;

/// Bytes of a page. A file that says more is damaged.
const PAGE_BYTES_MAX: usize = 1 << 30;

/// A column, or a field within structs.
#[derive(Debug)]
pub(super) struct Column {
    /// From the root down.
    path: Vec<String>,
    /// The root with nothing below it but the way to this column.
    field: Field,
    leaf: ArrowDataType,
}

/// The column's bytes of one row group, a chunk for each of its leaves.
#[derive(Debug)]
pub(super) struct Chunks(Vec<(Buffer<u8>, usize)>);

impl Chunks {
    pub(super) fn bytes(&self) -> u64 {
        self.0.iter().map(|(bytes, _)| bytes.len() as u64).sum()
    }
}

impl Column {
    /// The column of a name: a root of that name, or the way down through structs.
    pub(super) fn find(schema: &ArrowSchema, name: &str) -> Option<Self> {
        if let Some(field) = schema.get(name) {
            let path = vec![name.to_owned()];
            return Some(Self { path, field: field.clone(), leaf: field.dtype.clone() });
        }
        let path: Vec<String> = name.split('.').map(ToOwned::to_owned).collect();
        let (root, rest) = path.split_first()?;
        let (field, leaf) = narrowed(schema.get(root.as_str())?, rest)?;
        Some(Self { path, field, leaf })
    }

    /// Whether values of its type can be of this kind.
    pub(super) fn fits(&self, shape: Shape) -> bool {
        use ArrowDataType as T;
        let number = matches!(
            self.leaf,
            T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::UInt8 | T::UInt16 | T::UInt32 | T::UInt64
        ) || matches!(self.leaf, T::Float32 | T::Float64 | T::Decimal(..));
        let text = matches!(self.leaf, T::Utf8View | T::BinaryView);
        let moment = matches!(self.leaf, T::Timestamp(..) | T::Date32);
        match (&self.leaf, shape) {
            (T::Null, _) => true,
            (T::LargeList(inner) | T::List(inner), Shape::Texts) => matches!(inner.dtype, T::Utf8View | T::BinaryView),
            (T::Boolean, shape) => matches!(shape, Shape::Truth | Shape::Text),
            (_, Shape::Texts) => text,
            (_, Shape::Time) => text || number || moment,
            (_, Shape::Text | Shape::Whole | Shape::Number | Shape::Truth) => text || number,
        }
    }

    /// Its type, for a message.
    pub(super) fn kind(&self) -> String {
        format!("{:?}", self.leaf)
    }

    /// Reads its bytes of a row group, at most so many.
    pub(super) fn load(&self, file: &mut File, group: &RowGroupMetadata, bytes_max: u64) -> Result<Chunks, String> {
        let mut left = bytes_max;
        let mut chunks = Vec::new();
        for (at, chunk) in self.leaves(group) {
            let range = chunk.byte_range();
            let bytes = range.end.saturating_sub(range.start);
            left =
                left.checked_sub(bytes).ok_or("its row groups are too large to be read; write it with smaller ones")?;
            let mut held = Vec::with_capacity(bytes as usize);
            let read = file.seek(SeekFrom::Start(range.start)).and_then(|_| file.take(bytes).read_to_end(&mut held));
            if read.map_err(|error| error.to_string())? as u64 != bytes {
                return Err("shorter than its table of contents says".to_owned());
            }
            chunks.push((held.into(), at));
        }
        if chunks.is_empty() {
            Err(format!("has no data of column `{}`", self.path.join(".")))
        } else {
            Ok(Chunks(chunks))
        }
    }

    /// Decodes rows of a row group, down to the column itself.
    pub(super) fn decode(
        &self,
        chunks: &Chunks,
        group: &RowGroupMetadata,
        rows: Range<usize>,
    ) -> Result<Box<dyn Array>, String> {
        let (mut pages, mut types) = (Vec::new(), Vec::new());
        let count = rows.len();
        for (bytes, at) in &chunks.0 {
            let chunk = &group.parquet_columns()[*at];
            let reader = PageReader::new(Cursor::new(bytes.clone()), chunk, Vec::new(), PAGE_BYTES_MAX);
            pages.push(BasicDecompressor::new(reader, Vec::new()));
            types.push(&chunk.descriptor().descriptor.primitive_type);
        }
        let filter = Filter::new_ranged(rows.start, rows.end);
        let decoded = column_iter_to_arrays(pages, types, self.field.clone(), Some(filter));
        let (arrays, _) = decoded.map_err(|error| error.to_string())?;
        let mut array = match arrays.as_slice() {
            [one] => one.clone(),
            several => {
                let several: Vec<&dyn Array> = several.iter().map(AsRef::as_ref).collect();
                concatenate(&several).map_err(|error| error.to_string())?
            }
        };
        for _ in 1..self.depth() {
            let inner = array.as_any().downcast_ref::<StructArray>().and_then(|of| of.values().first().cloned());
            array = inner.ok_or("a struct without its field")?;
        }
        if array.len() == count { Ok(array) } else { Err(format!("{} rows where {count} should be", array.len())) }
    }

    /// Structs to go down through, and the column itself.
    fn depth(&self) -> usize {
        self.path.len()
    }

    /// Its leaves in a row group, with their places there.
    fn leaves<'g>(&'g self, group: &'g RowGroupMetadata) -> impl Iterator<Item = (usize, &'g ColumnChunkMetadata)> {
        let within = |chunk: &ColumnChunkMetadata| {
            let path = &chunk.descriptor().path_in_schema;
            path.len() >= self.path.len() && self.path.iter().zip(path).all(|(ours, theirs)| ours == theirs.as_str())
        };
        group.parquet_columns().iter().enumerate().filter(move |(_, chunk)| within(chunk))
    }
}

/// A field with nothing in it but the way down, and the type at its end.
fn narrowed(field: &Field, way: &[String]) -> Option<(Field, ArrowDataType)> {
    let Some((name, rest)) = way.split_first() else { return Some((field.clone(), field.dtype.clone())) };
    let ArrowDataType::Struct(inner) = &field.dtype else { return None };
    let (inner, leaf) = narrowed(inner.iter().find(|inner| inner.name.as_str() == name)?, rest)?;
    let mut field = field.clone();
    field.dtype = ArrowDataType::Struct(vec![inner]);
    Some((field, leaf))
}

/// Names of a field and of all below it.
pub(super) fn paths(prefix: &str, field: &Field, names: &mut Vec<String>) {
    let path = if prefix.is_empty() { field.name.to_string() } else { format!("{prefix}.{}", field.name) };
    match &field.dtype {
        ArrowDataType::Struct(inner) => inner.iter().for_each(|inner| paths(&path, inner, names)),
        _ => names.push(path),
    }
}
