//! Systems Manager's Parameter Store.

mod list;
mod read;
mod remove;
mod tags;
mod write;

use aws_sdk_ssm::types::{Parameter, ParameterType, Tag};

use super::{
    Account, Operation, Refused,
    answer::{Needed as _, sorted},
};

pub(super) fn operations() -> Vec<Operation> {
    [write::operations(), read::operations(), list::operations(), remove::operations(), tags::operations()]
        .into_iter()
        .flatten()
        .collect()
}

/// Makes a parameter of type String.
async fn put(account: &Account, name: &str, value: &str) -> Result<(), Refused> {
    let put = account.ssm.put_parameter().name(name).value(value).r#type(ParameterType::String);
    put.overwrite(false).send().await?;
    Ok(())
}

/// Makes a parameter of type SecureString.
async fn put_secure(account: &Account, name: &str, value: &str) -> Result<(), Refused> {
    account.ssm.put_parameter().name(name).value(value).r#type(ParameterType::SecureString).send().await?;
    Ok(())
}

/// Gives a parameter another value.
async fn overwrite(account: &Account, name: &str, value: &str) -> Result<(), Refused> {
    account.ssm.put_parameter().name(name).value(value).overwrite(true).send().await?;
    Ok(())
}

/// A parameter, decrypted.
async fn get(account: &Account, name: &str) -> Result<Parameter, Refused> {
    let read = account.ssm.get_parameter().name(name).with_decryption(true).send().await?;
    read.parameter.needed("parameter")
}

/// The last parts of names.
fn ends<'a>(names: impl IntoIterator<Item = Option<&'a str>>) -> String {
    sorted(names.into_iter().flatten().filter_map(|name| name.rsplit('/').next()))
}

fn tag(key: &str, value: &str) -> Result<Tag, Refused> {
    Tag::builder().key(key).value(value).build().map_err(|_| Refused::Missing("tag"))
}
