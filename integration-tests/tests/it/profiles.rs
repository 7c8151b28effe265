//! Whose credentials AWS is called with: declared profiles, and roles that are assumed.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use longshore_aws::{Aws, Target};

use crate::longshore::{Project, Server};

/// A server that refuses every request, and the requests that it got.
fn refusing() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let log = seen.clone();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 65_536];
            let length = stream.read(&mut request).unwrap_or_default();
            log.lock().unwrap().push(String::from_utf8_lossy(&request[..length]).into_owned());
            let _ =
                stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    (url, seen)
}

/// A project with profiles.
fn with_profiles(config: &str, credentials: &str) -> Project {
    let project = Project::new();
    fs::create_dir(project.path().join(".aws")).unwrap();
    fs::write(project.path().join(".aws/config"), config).unwrap();
    fs::write(project.path().join(".aws/credentials"), credentials).unwrap();
    project
}

fn production(project: &Project, settings: &[&str]) -> String {
    let mut arguments = vec!["lock", "show", "--env", "production", "--set", "aws.region=eu-central-1"];
    arguments.extend(settings.iter().flat_map(|setting| ["--set", *setting]));
    let stderr = project.longshore(&arguments).code(1).stderr;
    stderr.replace(&project.path().display().to_string(), "HOME")
}

#[test]
fn declared_profile_goes_before_the_environment() {
    let keys = |key: &str| format!("aws_access_key_id = {key}\naws_secret_access_key = x\n");
    let credentials = format!("[acme]\n{}[other]\n{}", keys("AKIAPROFILE"), keys("AKIAOTHER"));
    let (url, seen) = refusing();
    let project = with_profiles("[profile acme]\n", &credentials)
        .variable("AWS_ENDPOINT_URL", &url)
        .variable("AWS_PROFILE", "other");
    let signer = |project: &Project, settings: &[&str]| {
        seen.lock().unwrap().clear();
        production(project, settings);
        let seen = seen.lock().unwrap();
        let (_, after) = seen[0].split_once("Credential=").unwrap();
        after.split('/').next().unwrap().to_owned()
    };
    assert_eq!(signer(&project, &[]), "AKIAOTHER");
    let project = project
        .variable("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT")
        .variable("AWS_SECRET_ACCESS_KEY", "x")
        .variable("AWS_SESSION_TOKEN", "x");
    assert_eq!(signer(&project, &[]), "AKIAENVIRONMENT");
    assert_eq!(signer(&project, &["aws.profile=acme"]), "AKIAPROFILE");
}

#[test]
fn missing_profile_is_named_before_anything_is_asked() {
    let (url, seen) = refusing();
    let profiles = "[profile production]\n[profile staging]\n";
    let project = with_profiles(profiles, "").variable("AWS_ENDPOINT_URL", &url);
    let keys = |project: Project| {
        project.variable("AWS_ACCESS_KEY_ID", "AKIA").variable("AWS_SECRET_ACCESS_KEY", "x")
    };
    let of_environment = production(&project, &[]);
    assert!(of_environment.contains("HTTP 403"), "{of_environment}");
    seen.lock().unwrap().clear();
    let project = project.variable("AWS_PROFILE", "prodction");
    let of_environment = production(&project, &[]);
    let project = keys(project).variable("AWS_CONFIG_FILE", "/etc/acme-aws");
    let declared = production(&project, &["aws.profile=stagign"]);
    assert!(seen.lock().unwrap().is_empty());
    for (refused, said) in [
        (&of_environment, "there is no AWS profile `prodction`"),
        (
            &of_environment,
            "did you mean `production`? Longshore looked in HOME/.aws/config and HOME/.aws/credentials",
        ),
        (&declared, "there is no AWS profile `stagign`\n  at: aws.profile"),
        (&declared, "Longshore looked in /etc/acme-aws and HOME/.aws/credentials"),
    ] {
        assert!(refused.contains(said), "{refused}");
    }
}

#[test]
fn ended_sso_session_is_answered_with_the_login() {
    let config = "[sso-session acme]\nsso_start_url = https://acme.awsapps.com/start\nsso_region = eu-central-1\n\
                  [profile base]\nsso_session = acme\nsso_account_id = 123456789012\nsso_role_name = Deploy\n\
                  [profile deploy]\nsource_profile = base\nrole_arn = arn:aws:iam::123456789012:role/deploy\n";
    let project = with_profiles(config, "").variable("AWS_ENDPOINT_URL", "http://10.0.0.1:9");
    for profile in ["base", "deploy"] {
        let refused = production(&project, &[&format!("aws.profile={profile}")]);
        assert!(refused.contains(&format!("the AWS credentials of the profile `{profile}`")), "{refused}");
        assert!(refused.contains(&format!("log in: `aws sso login --profile {profile}`")), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn assumed_role_signs_the_calls() {
    const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
        "Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Condition":{"StringEquals":{"sts:ExternalId":"acme-7f3a"}}}]}"#;
    let cloud = Server::simulated_cloud(&Project::new());
    let region = Some("eu-central-1".to_owned());
    let endpoint = Some(cloud.url.clone());
    let aws = Aws::connect(Target { region, endpoint, test_credentials: true, ..Target::default() }, None);
    let create = aws.iam().await.unwrap().create_role().role_name("deploy");
    let created = create.assume_role_policy_document(TRUST).send().await.unwrap();
    let role = created.role.unwrap().arn;

    let project = Project::new().variable("AWS_ENDPOINT_URL", &cloud.url);
    let denied = production(&project, &[&format!("aws.assume-role={role}")]);
    // IAM's changes take their time.
    let arn = format!("aws.assume-role.arn={role}");
    let mut attempts =
        (0..50).map(|_| production(&project, &[&arn, "aws.assume-role.external-id=acme-7f3a"]));
    let refused = attempts.find(|refused| !refused.contains("at: sts:AssumeRole")).unwrap();
    assert!(denied.contains(&format!("at: sts:AssumeRole {role}")), "{denied}");
    assert!(refused.contains("assumed-role/deploy/longshore is not authorized"), "{refused}");
}
