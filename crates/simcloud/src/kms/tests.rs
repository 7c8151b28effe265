use serde_json::json;

use crate::testing::{cloud, json as call};

#[tokio::test(start_paused = true)]
async fn keys_of_aws_are_described_by_alias() {
    let cloud = cloud();
    let kms = async |operation: &str, input| {
        call(&cloud, "kms", &format!("TrentService.{operation}"), &input).await
    };
    let aliases = kms("ListAliases", json!({})).await.unwrap();
    let names: Vec<_> =
        aliases["Aliases"].as_array().unwrap().iter().map(|alias| &alias["AliasName"]).collect();
    for name in ["alias/aws/secretsmanager", "alias/aws/ssm"] {
        assert!(names.contains(&&json!(name)), "{names:?}");
        let key = kms("DescribeKey", json!({ "KeyId": name })).await.unwrap()["KeyMetadata"].clone();
        assert_eq!((&key["KeyManager"], &key["Enabled"]), (&json!("AWS"), &json!(true)));
        let same = kms("DescribeKey", json!({ "KeyId": key["Arn"] })).await.unwrap();
        assert_eq!(same["KeyMetadata"]["KeyId"], key["KeyId"]);
        let of_key = kms("ListAliases", json!({ "KeyId": key["KeyId"] })).await.unwrap();
        assert_eq!(of_key["Aliases"][0]["AliasName"], name);
    }
    let refused = kms("DescribeKey", json!({ "KeyId": "alias/aws/quantum" })).await.unwrap_err();
    assert_eq!(refused.0, "NotFoundException");
}
