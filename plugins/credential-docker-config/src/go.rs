//! JSON as Go's `encoding/json` reads it, which is how Docker reads its configuration and the answers of helpers.
//!
//! - Nothing behind the first value is looked at.
//! - A name of a field counts in any case. The keys of a map count as they are.
//! - A value is decoded into what an earlier one of the same name has left: it replaces a text, and fills up a map.
//! - `null` leaves a text and a struct as they are, and empties a map.
//! - What is no UTF-8 is replaced.

use std::{collections::BTreeMap, fmt};

use longshore_model::Secret;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use zeroize::Zeroizing;

/// Returns the first value of `json`, or `None` if the text is empty. An error has only the line and column, because
/// the parser's messages may quote the text.
pub(crate) fn read<T: Decode + Default>(json: &[u8]) -> Result<Option<T>, (usize, usize)> {
    let text = Zeroizing::new(String::from_utf8_lossy(json).into_owned());
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Ok(None);
    }
    let mut value = T::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    value.decode(&mut deserializer).map_err(|error| (error.line(), error.column()))?;
    Ok(Some(value))
}

/// A target for decoding a JSON value.
pub(crate) trait Decode {
    /// Decodes a value into `self`.
    fn decode<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error>;
}

/// A Go struct.
pub(crate) trait Struct {
    /// Decodes `value` into the field `name`, which is in lower case.
    fn field<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Value<'_, A>) -> Result<(), A::Error>;
}

/// The value of a field that is about to be decoded.
pub(crate) struct Value<'a, A>(&'a mut A);

impl<'de, A: MapAccess<'de>> Value<'_, A> {
    pub(crate) fn decode_into<T: Decode>(self, place: &mut T) -> Result<(), A::Error> {
        self.0.next_value_seed(Place(place))
    }

    pub(crate) fn ignore(self) -> Result<(), A::Error> {
        self.0.next_value::<IgnoredAny>().map(drop)
    }
}

struct Place<'a, T>(&'a mut T);

impl<'de, T: Decode> DeserializeSeed<'de> for Place<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.decode(deserializer)
    }
}

impl Decode for String {
    fn decode<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        if let Some(text) = deserializer.deserialize_any(TextVisitor)? {
            *self = text;
        }
        Ok(())
    }
}

impl Decode for Secret<String> {
    fn decode<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        if let Some(text) = deserializer.deserialize_any(TextVisitor)? {
            *self = Self::new(text);
        }
        Ok(())
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }
}

impl<T: Decode + Default> Decode for BTreeMap<String, T> {
    fn decode<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(MapVisitor(self))
    }
}

struct MapVisitor<'a, T>(&'a mut BTreeMap<String, T>);

impl<'de, T: Decode + Default> Visitor<'de> for MapVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.clear();
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(key) = entries.next_key::<String>()? {
            // An element is begun anew, unlike the map.
            let mut element = T::default();
            entries.next_value_seed(Place(&mut element))?;
            self.0.insert(key, element);
        }
        Ok(())
    }
}

/// Decodes a value into `place`, field by field.
pub(crate) fn decode_struct<'de, T: Struct, D: Deserializer<'de>>(
    place: &mut T,
    deserializer: D,
) -> Result<(), D::Error> {
    deserializer.deserialize_any(StructVisitor(place))
}

struct StructVisitor<'a, T>(&'a mut T);

impl<'de, T: Struct> Visitor<'de> for StructVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(key) = fields.next_key::<String>()? {
            self.0.field(&folded(&key), Value(&mut fields))?;
        }
        Ok(())
    }
}

/// `name` in lower case, by the rules of Unicode: the long s and the sign for Kelvin are letters of ASCII then.
fn folded(name: &str) -> String {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    name.chars().map(fold).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Flat {
        one: String,
        more: BTreeMap<String, String>,
    }

    impl Decode for Flat {
        fn decode<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
            decode_struct(self, deserializer)
        }
    }

    impl Struct for Flat {
        fn field<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Value<'_, A>) -> Result<(), A::Error> {
            match name {
                "one" => value.decode_into(&mut self.one),
                "more" => value.decode_into(&mut self.more),
                _ => value.ignore(),
            }
        }
    }

    fn flat(one: &str, more: &[(&str, &str)]) -> Flat {
        let more = more.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
        Flat { one: one.to_owned(), more }
    }

    #[test]
    fn values_are_read_as_go_reads_them() {
        for (json, expected) in [
            (r#"{"one":"a"}"#, flat("a", &[])),
            (r#"{"ONE":"a","more":{"K":"v"}} }{ trailing"#, flat("a", &[("K", "v")])),
            (r#"{"one":"a","One":"b"}"#, flat("b", &[])),
            (r#"{"one":"a","one":null}"#, flat("a", &[])),
            (r#"{"more":{"k":"v"},"More":{"K":"w"}}"#, flat("", &[("k", "v"), ("K", "w")])),
            (r#"{"more":{"k":"v","k":"w"},"more":{"k":null}}"#, flat("", &[("k", "")])),
            (r#"{"more":{"k":"v"},"more":null}"#, flat("", &[])),
            (r#"{"other":[1e999,{"one":3}],"one":"a"}"#, flat("a", &[])),
            ("null", flat("", &[])),
        ] {
            assert_eq!(read(json.as_bytes()), Ok(Some(expected)), "{json}");
        }
        assert_eq!(read(b"{\"one\":\"a\xff\"}"), Ok(Some(flat("a\u{fffd}", &[]))));
        assert_eq!(read::<Flat>(b" \n"), Ok(None));
        assert_eq!((folded("cred\u{17f}Store"), folded("\u{212a}")), ("credsstore".into(), "k".into()));
    }

    #[test]
    fn wrong_syntax_and_wrong_types_are_errors() {
        for json in [
            "// x\n{}",
            "x {}",
            "{",
            r#"{"one":"a",}"#,
            r#"{"one":"a" /**/}"#,
            r#"{one:"a"}"#,
            r#"{"one":1}"#,
            r#"{"one":["a"]}"#,
            r#"{"more":"a"}"#,
            r#"{"more":{"k":1}}"#,
            "[]",
            "\"a\"",
        ] {
            assert!(read::<Flat>(json.as_bytes()).is_err(), "{json}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_serde_where_no_name_is_repeated(
            one in "\\PC{0,8}",
            more in prop::collection::btree_map("\\PC{0,4}", "\\PC{0,4}", 0..4),
            pretty in any::<bool>(),
        ) {
            let value = json!({ "one": one, "more": more, "else": [null, 1.5, { "one": 3 }] });
            let text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
            prop_assert_eq!(read(text.as_bytes()), Ok(Some(Flat { one, more })));
        }
    }
}
