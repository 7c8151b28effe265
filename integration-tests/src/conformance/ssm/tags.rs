//! Tags of parameters.

use aws_sdk_ssm::types::{ParameterType, ResourceTypeForTagging};

use super::{put, tag};
use crate::conformance::{
    Account, Answer, Operation,
    answer::{refusal, sorted},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("ssm:AddTagsToResource").case("a new tag and another value", "a=2 b=1 c=3", add).case(
            "what is not there",
            "InvalidResourceId",
            add_absent,
        ),
        Operation::new("ssm:RemoveTagsFromResource")
            .case("a tag, and one that is not there", "b=1", remove)
            .case("what is not there", "InvalidResourceId", remove_absent),
        Operation::new("ssm:ListTagsForResource")
            .case("tags that were given with a new parameter", "a=1 b=1", given)
            .case("where there are none", "", none)
            .case("what is not there", "InvalidResourceId", list_absent),
    ]
}

/// Makes a parameter tagged a=1 and b=1.
async fn tagged(a: &Account, name: &str) -> Result<(), crate::conformance::Refused> {
    let put = a.ssm.put_parameter().name(name).value("one").r#type(ParameterType::String);
    put.tags(tag("a", "1")?).tags(tag("b", "1")?).send().await?;
    Ok(())
}

async fn tags(a: &Account, name: &str) -> Answer {
    let list = a.ssm.list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter);
    let list = list.resource_id(name).send().await?;
    Ok(sorted(list.tag_list().iter().map(|tag| format!("{}={}", tag.key(), tag.value()))))
}

async fn add(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("add"));
    tagged(&a, &name).await?;
    let add = a.ssm.add_tags_to_resource().resource_type(ResourceTypeForTagging::Parameter);
    add.resource_id(&name).tags(tag("a", "2")?).tags(tag("c", "3")?).send().await?;
    tags(&a, &name).await
}

async fn add_absent(a: Account) -> Answer {
    let add = a.ssm.add_tags_to_resource().resource_type(ResourceTypeForTagging::Parameter);
    refusal(add.resource_id(format!("/{}/a", a.name("absent"))).tags(tag("a", "1")?).send().await)
}

async fn remove(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("remove"));
    tagged(&a, &name).await?;
    let remove = a.ssm.remove_tags_from_resource().resource_type(ResourceTypeForTagging::Parameter);
    remove.resource_id(&name).tag_keys("a").tag_keys("z").send().await?;
    tags(&a, &name).await
}

async fn remove_absent(a: Account) -> Answer {
    let remove = a.ssm.remove_tags_from_resource().resource_type(ResourceTypeForTagging::Parameter);
    refusal(remove.resource_id(format!("/{}/a", a.name("absent"))).tag_keys("a").send().await)
}

async fn given(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("given"));
    tagged(&a, &name).await?;
    tags(&a, &name).await
}

async fn none(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("none"));
    put(&a, &name, "one").await?;
    tags(&a, &name).await
}

async fn list_absent(a: Account) -> Answer {
    let list = a.ssm.list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter);
    refusal(list.resource_id(format!("/{}/a", a.name("absent"))).send().await)
}
