//! Deleting parameters.

use super::{ends, put};
use crate::conformance::{Account, Answer, LOCALSTACK, MOTO, Operation, answer::refusal};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("ssm:DeleteParameter").case("what is there", "ParameterNotFound", delete).case(
            "what is not there",
            "ParameterNotFound",
            absent,
        ),
        Operation::new("ssm:DeleteParameters")
            .case("two, and one that is not there", "deleted: a b; not there: c", several)
            .case("11 of them", "ValidationException", too_many)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "Names has 10 items at most.",
                api!(ssm "DeleteParameters"),
            ),
    ]
}

async fn delete(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("delete"));
    put(&a, &name, "one").await?;
    a.ssm.delete_parameter().name(&name).send().await?;
    refusal(a.ssm.get_parameter().name(&name).send().await)
}

async fn absent(a: Account) -> Answer {
    refusal(a.ssm.delete_parameter().name(format!("/{}/a", a.name("absent"))).send().await)
}

async fn several(a: Account) -> Answer {
    let path = a.name("several");
    let [one, two, none] = ["a", "b", "c"].map(|end| format!("/{path}/{end}"));
    put(&a, &one, "one").await?;
    put(&a, &two, "two").await?;
    let answer = a.ssm.delete_parameters().names(one).names(two).names(none).send().await?;
    let names = |names: &[String]| ends(names.iter().map(|name| Some(name.as_str())));
    Ok(format!(
        "deleted: {}; not there: {}",
        names(answer.deleted_parameters()),
        names(answer.invalid_parameters())
    ))
}

async fn too_many(a: Account) -> Answer {
    let names = (0..11).map(|number| format!("/{}/{number}", a.name("many"))).collect();
    refusal(a.ssm.delete_parameters().set_names(Some(names)).send().await)
}
