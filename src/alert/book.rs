//! placeholder
/// placeholder
#[derive(Debug)]
pub struct AlertBook;
/// placeholder
#[derive(Debug)]
pub struct BookParams;
