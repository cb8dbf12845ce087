//! The files of rows. A new one is added here by hand.

use super::{
    TypeRow, address, builder, bytes, character, collections, context, convert, crypto, date, json, lists,
    math, misc, number, object, offset, outside, query, random, regexes, row, sets, span, sums, text, tokens,
};

/// All type rows, file by file.
pub(in crate::expression) static TYPES: &[&[TypeRow]] = &[
    row::BASICS,
    object::TYPES,
    text::TYPES,
    character::TYPES,
    number::TYPES,
    math::TYPES,
    convert::TYPES,
    bytes::TYPES,
    date::TYPES,
    span::TYPES,
    offset::TYPES,
    misc::TYPES,
    random::TYPES,
    collections::TYPES,
    lists::TYPES,
    sets::TYPES,
    query::TYPES,
    sums::TYPES,
    builder::TYPES,
    regexes::TYPES,
    crypto::TYPES,
    address::TYPES,
    outside::TYPES,
    json::TYPES,
    tokens::TYPES,
    context::root::TYPES,
    context::message::TYPES,
    context::body::TYPES,
    context::url::TYPES,
    context::names::TYPES,
    context::variables::TYPES,
    context::entities::TYPES,
    context::credentials::TYPES,
];
