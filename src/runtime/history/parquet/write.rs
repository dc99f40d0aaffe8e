//! Events as Parquet, a column for each field of the contract: for simulated fleets, and for whoever wants to hold
//! history more tightly than as NDJSON.

use std::fmt;
use std::io::Write;
use std::sync::Arc;

use polars_arrow::array::{Array, MutableBinaryViewArray, MutableBooleanArray, MutablePrimitiveArray};
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field as ArrowField, TimeUnit};
use polars_arrow::record_batch::RecordBatchT;
use polars_parquet::write::{
    CompressionOptions, Encoding, FileWriter, StatisticsOptions, Version, WriteOptions, row_group_iter, to_parquet_type,
};

use crate::event::Event;
use crate::event::cell::Cell;
use crate::event::field::{Field, Shape};
use crate::event::values::value;

/// Rows of a row group. A reader holds the columns of one, packed; smaller ones pack less well.
const GROUP_ROWS: usize = 262_144;

/// A Parquet file that is being written.
pub struct ParquetWriter<W: Write> {
    sheet: Sheet<W>,
    columns: Vec<Column>,
    rows: usize,
}

impl<W: Write> fmt::Debug for ParquetWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetWriter").field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// A file of these columns cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WriteError(String);

impl<W: Write> ParquetWriter<W> {
    /// A file into which events go.
    ///
    /// # Errors
    /// Nothing can be written.
    pub fn new(out: W) -> Result<Self, WriteError> {
        let columns: Vec<Column> = Field::all().map(Column::new).collect();
        let fields = Field::all().zip(&columns).map(|(field, column)| (field.path().to_owned(), column.kind()));
        Ok(Self { sheet: Sheet::new(out, fields.collect())?, columns, rows: 0 })
    }

    /// Takes an event in.
    ///
    /// # Errors
    /// Nothing can be written.
    pub fn event(&mut self, event: &Event) -> Result<(), WriteError> {
        for (field, column) in Field::all().zip(&mut self.columns) {
            column.push(value(event, field));
        }
        self.rows += 1;
        if self.rows.is_multiple_of(GROUP_ROWS) { self.group() } else { Ok(()) }
    }

    /// Writes what is left, and the table of contents.
    ///
    /// # Errors
    /// Nothing can be written.
    pub fn finish(mut self) -> Result<W, WriteError> {
        if !self.rows.is_multiple_of(GROUP_ROWS) {
            self.group()?;
        }
        self.sheet.finish()
    }

    fn group(&mut self) -> Result<(), WriteError> {
        let arrays = self.columns.iter_mut().map(Column::take).collect();
        self.sheet.group(arrays)
    }
}

/// A file of any columns.
pub(super) struct Sheet<W: Write> {
    writer: FileWriter<W>,
    schema: Arc<ArrowSchema>,
    options: WriteOptions,
}

impl<W: Write> Sheet<W> {
    /// A file with these columns.
    pub(super) fn new(out: W, columns: Vec<(String, ArrowDataType)>) -> Result<Self, WriteError> {
        let field = |(name, kind): (String, ArrowDataType)| {
            let field = ArrowField::new(name.as_str().into(), kind, true);
            (field.name.clone(), field)
        };
        let schema: ArrowSchema = columns.into_iter().map(field).collect();
        let options = WriteOptions {
            statistics: StatisticsOptions::default(),
            version: Version::V1,
            compression: CompressionOptions::Zstd(None),
            data_page_size: None,
        };
        let writer = FileWriter::try_new(out, schema.clone(), options).map_err(fault)?;
        Ok(Self { writer, schema: Arc::new(schema), options })
    }

    /// Writes a row group.
    pub(super) fn group(&mut self, arrays: Vec<Box<dyn Array>>) -> Result<(), WriteError> {
        let rows = arrays.first().map_or(0, |array| array.len());
        let batch = RecordBatchT::try_new(rows, Arc::clone(&self.schema), arrays).map_err(fault)?;
        let encodings = self.schema.iter_values().map(|field| encodings(&field.dtype)).collect::<Vec<_>>();
        let types = self.schema.iter_values().map(to_parquet_type).collect::<Result<Vec<_>, _>>().map_err(fault)?;
        let group = row_group_iter(batch, encodings.into(), types, self.options);
        self.writer.write(rows as u64, group).map_err(fault)
    }

    /// Writes the table of contents.
    pub(super) fn finish(mut self) -> Result<W, WriteError> {
        self.writer.end(None).map_err(fault)?;
        Ok(self.writer.into_inner())
    }
}

/// How each leaf of a column is encoded: texts repeat.
fn encodings(kind: &ArrowDataType) -> Vec<Encoding> {
    match kind {
        ArrowDataType::Struct(fields) => fields.iter().flat_map(|field| encodings(&field.dtype)).collect(),
        ArrowDataType::LargeList(inner) | ArrowDataType::List(inner) => encodings(&inner.dtype),
        ArrowDataType::Utf8View => vec![Encoding::RleDictionary],
        _ => vec![Encoding::Plain],
    }
}

fn fault(error: impl fmt::Display) -> WriteError {
    WriteError(error.to_string())
}

/// Values of one field, growing.
enum Column {
    Text(MutableBinaryViewArray<str>),
    Time(MutablePrimitiveArray<i64>),
    Whole(MutablePrimitiveArray<u64>),
    Number(MutablePrimitiveArray<f64>),
    Truth(MutableBooleanArray),
}

impl Column {
    fn new(field: Field) -> Self {
        match field.shape() {
            Shape::Text | Shape::Texts => Self::Text(MutableBinaryViewArray::new()),
            Shape::Time => Self::Time(MutablePrimitiveArray::new().to(moment())),
            Shape::Whole => Self::Whole(MutablePrimitiveArray::new()),
            Shape::Number => Self::Number(MutablePrimitiveArray::new()),
            Shape::Truth => Self::Truth(MutableBooleanArray::new()),
        }
    }

    fn kind(&self) -> ArrowDataType {
        match self {
            Self::Text(_) => ArrowDataType::Utf8View,
            Self::Time(_) => moment(),
            Self::Whole(_) => ArrowDataType::UInt64,
            Self::Number(_) => ArrowDataType::Float64,
            Self::Truth(_) => ArrowDataType::Boolean,
        }
    }

    fn push(&mut self, cell: Cell<'_>) {
        match (self, cell) {
            (Self::Text(column), Cell::Text(text)) => column.push(Some(text.as_ref())),
            (Self::Text(column), Cell::Texts(texts)) => column.push(Some(texts.join(";"))),
            (Self::Text(column), _) => column.push(None::<&str>),
            (Self::Time(column), Cell::Time(at)) => column.push(Some(at)),
            (Self::Time(column), _) => column.push(None),
            (Self::Whole(column), Cell::Whole(number)) => column.push(Some(number)),
            (Self::Whole(column), _) => column.push(None),
            (Self::Number(column), Cell::Number(number)) => column.push(Some(number)),
            (Self::Number(column), _) => column.push(None),
            (Self::Truth(column), Cell::Truth(truth)) => column.push(Some(truth)),
            (Self::Truth(column), _) => column.push(None),
        }
    }

    /// What has gathered; it begins anew.
    fn take(&mut self) -> Box<dyn Array> {
        match self {
            Self::Text(column) => std::mem::take(column).freeze().boxed(),
            Self::Time(column) => {
                let full = std::mem::replace(column, MutablePrimitiveArray::new().to(moment()));
                full.freeze().boxed()
            }
            Self::Whole(column) => std::mem::take(column).freeze().boxed(),
            Self::Number(column) => std::mem::take(column).freeze().boxed(),
            Self::Truth(column) => std::mem::take(column).freeze().boxed(),
        }
    }
}

fn moment() -> ArrowDataType {
    ArrowDataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}
