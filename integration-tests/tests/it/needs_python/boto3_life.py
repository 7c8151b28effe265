"""The whole life of a stack, by boto3, at the endpoint that AWS_ENDPOINT_URL names.

Arguments: the image, and the user that may pull it; the password is on standard input. Prints what it saw, as JSON.
"""

import json
import sys
import time

import boto3
import botocore.exceptions
from botocore.config import Config

IMAGE, USER = sys.argv[1:]
PASSWORD = sys.stdin.read().strip()
CLUSTER, SERVICE, FAMILY, ROLE = "boto3", "api", "boto3-api", "boto3-execution"
NAME = "boto3/ghcr/pull"
# The simulated time is faster than ours.
OFTEN = {"Delay": 1, "MaxAttempts": 120}

config = Config(region_name="eu-central-1", retries={"mode": "standard"})
ec2, ecs, iam, logs, secrets, sts = (
    boto3.client(name, config=config) for name in ["ec2", "ecs", "iam", "logs", "secretsmanager", "sts"]
)
seen = {"account": sts.get_caller_identity()["Account"]}


def refused(call, **arguments):
    """The code of the error that a call ends with."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    raise AssertionError(f"{call.__name__} was not refused: {arguments}")


def register(memory):
    container = {
        "name": "api",
        "image": IMAGE,
        "essential": True,
        "portMappings": [{"containerPort": 8080}],
        "repositoryCredentials": {"credentialsParameter": secret},
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": "/boto3/api",
                "awslogs-region": "eu-central-1",
                "awslogs-stream-prefix": "api",
            },
        },
    }
    definition = ecs.register_task_definition(
        family=FAMILY,
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory=str(memory),
        executionRoleArn=role,
        containerDefinitions=[container],
    )["taskDefinition"]
    return definition["taskDefinitionArn"]


def tasks(status="RUNNING"):
    pages = ecs.get_paginator("list_tasks").paginate(cluster=CLUSTER, serviceName=SERVICE, desiredStatus=status)
    arns = [arn for page in pages for arn in page["taskArns"]]
    return ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"] if arns else []


def running():
    """The revisions of the tasks that run."""
    return sorted(task["taskDefinitionArn"].rsplit(":", 1)[1] for task in tasks() if task["lastStatus"] == "RUNNING")


def stable():
    ecs.get_waiter("services_stable").wait(cluster=CLUSTER, services=[SERVICE], WaiterConfig=OFTEN)


# The secret that the image is pulled with, with a wrong password at first.
secret = secrets.create_secret(Name=NAME, SecretString=json.dumps({"username": USER, "password": "wrong"}))["ARN"]
seen["secret_twice"] = refused(secrets.create_secret, Name=NAME, SecretString="{}")

# The role that may read it.
trust = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
iam.create_role(
    RoleName=ROLE, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
)
iam.get_waiter("role_exists").wait(RoleName=ROLE)
role = iam.get_role(RoleName=ROLE)["Role"]["Arn"]
read = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret}
iam.put_role_policy(
    RoleName=ROLE, PolicyName="pull", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [read]})
)
managed = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
iam.attach_role_policy(RoleName=ROLE, PolicyArn=managed)

# The service.
logs.create_log_group(logGroupName="/boto3/api")
ecs.create_cluster(clusterName=CLUSTER)
first = register(512)
subnets = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
network = {"subnets": [subnet["SubnetId"] for subnet in subnets], "assignPublicIp": "ENABLED"}
ecs.create_service(
    cluster=CLUSTER,
    serviceName=SERVICE,
    taskDefinition=first,
    desiredCount=2,
    launchType="FARGATE",
    networkConfiguration={"awsvpcConfiguration": network},
)
for _ in range(120):
    stopped = tasks("STOPPED")
    if stopped:
        break
    time.sleep(0.5)
seen["stopped_with_wrong_password"] = stopped[0]["stoppedReason"]

# With the right one, ECS's next attempts succeed.
secrets.put_secret_value(SecretId=NAME, SecretString=json.dumps({"username": USER, "password": PASSWORD}))
ecs.update_service(cluster=CLUSTER, service=SERVICE, forceNewDeployment=True)
stable()
seen["running"] = running()

# A new revision replaces the tasks.
ecs.update_service(cluster=CLUSTER, service=SERVICE, taskDefinition=register(1024), desiredCount=3)
stable()
seen["running_after_update"] = running()

# And everything goes again.
seen["cluster_in_use"] = refused(ecs.delete_cluster, cluster=CLUSTER)
ecs.update_service(cluster=CLUSTER, service=SERVICE, desiredCount=0)
stable()
ecs.delete_service(cluster=CLUSTER, service=SERVICE)
ecs.get_waiter("services_inactive").wait(cluster=CLUSTER, services=[SERVICE], WaiterConfig=OFTEN)
for page in ecs.get_paginator("list_task_definitions").paginate(familyPrefix=FAMILY):
    for arn in page["taskDefinitionArns"]:
        ecs.deregister_task_definition(taskDefinition=arn)
ecs.delete_cluster(cluster=CLUSTER)
logs.delete_log_group(logGroupName="/boto3/api")
seen["role_in_use"] = refused(iam.delete_role, RoleName=ROLE)
iam.detach_role_policy(RoleName=ROLE, PolicyArn=managed)
iam.delete_role_policy(RoleName=ROLE, PolicyName="pull")
iam.delete_role(RoleName=ROLE)
secrets.delete_secret(SecretId=NAME, ForceDeleteWithoutRecovery=True)

seen["left"] = {
    "clusters": [arn for arn in ecs.list_clusters()["clusterArns"] if arn.endswith(f"/{CLUSTER}")],
    "task_definitions": ecs.list_task_definitions(familyPrefix=FAMILY)["taskDefinitionArns"],
    "log_groups": logs.describe_log_groups(logGroupNamePrefix="/boto3/")["logGroups"],
    "role": refused(iam.get_role, RoleName=ROLE),
    "secret": refused(secrets.describe_secret, SecretId=NAME),
}
json.dump(seen, sys.stdout, indent=2)
