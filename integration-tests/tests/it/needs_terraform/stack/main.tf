# The stack that Longshore deploys for the example, as Terraform's AWS provider has it.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "endpoint" {
  type = string
}

variable "password" {
  type      = string
  sensitive = true
}

variable "memory" {
  type    = number
  default = 512
}

locals {
  image = "ghcr.io/jonashackt/microservice-api-spring-boot-private:latest"
}

provider "aws" {
  region     = "eu-central-1"
  access_key = "test"
  secret_key = "test"

  skip_metadata_api_check = true

  endpoints {
    ec2            = var.endpoint
    ecs            = var.endpoint
    iam            = var.endpoint
    kms            = var.endpoint
    logs           = var.endpoint
    secretsmanager = var.endpoint
    sts            = var.endpoint
  }

  default_tags {
    tags = {
      made-by = "terraform"
    }
  }
}

data "aws_caller_identity" "current" {}

data "aws_vpc" "default" {
  default = true
}

data "aws_subnets" "default" {
  filter {
    name   = "default-for-az"
    values = ["true"]
  }
}

resource "aws_security_group" "api" {
  name        = "terraform-api"
  description = "Tasks of the API"
  vpc_id      = data.aws_vpc.default.id

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

# Changed in place together with the memory.
resource "aws_vpc_security_group_ingress_rule" "api" {
  security_group_id = aws_security_group.api.id
  description       = "clients"
  ip_protocol       = "tcp"
  from_port         = 8080
  to_port           = 8080
  cidr_ipv4         = var.memory > 512 ? "10.0.0.0/8" : data.aws_vpc.default.cidr_block
}

# Encrypts the secret and the log group, whose service has to be named in the policy.
resource "aws_kms_key" "stack" {
  description             = "The stack's key"
  deletion_window_in_days = 7
  enable_key_rotation     = true
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.current.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Effect    = "Allow"
        Principal = { Service = "logs.eu-central-1.amazonaws.com" }
        Action    = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
        Resource  = "*"
      },
    ]
  })

  tags = {
    purpose = "secrets and logs"
  }
}

resource "aws_kms_alias" "stack" {
  name          = "alias/terraform"
  target_key_id = aws_kms_key.stack.key_id
}

resource "aws_secretsmanager_secret" "pull" {
  name                    = "terraform/ghcr/pull"
  kms_key_id              = aws_kms_key.stack.arn
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "pull" {
  secret_id     = aws_secretsmanager_secret.pull.id
  secret_string = jsonencode({ username = "jonashackt", password = var.password })
}

resource "aws_iam_role" "execution" {
  name = "terraform-execution"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "pull" {
  name = "pull"
  role = aws_iam_role.execution.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = aws_secretsmanager_secret.pull.arn
      },
      {
        Effect   = "Allow"
        Action   = "kms:Decrypt"
        Resource = aws_kms_key.stack.arn
      },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_cloudwatch_log_group" "api" {
  name              = "/terraform/api"
  retention_in_days = 14
  kms_key_id        = aws_kms_key.stack.arn
}

resource "aws_ecs_cluster" "stack" {
  name = "terraform"
}

resource "aws_ecs_task_definition" "api" {
  family                   = "terraform-api"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = var.memory
  execution_role_arn       = aws_iam_role.execution.arn
  container_definitions = jsonencode([{
    name                  = "api"
    image                 = local.image
    essential             = true
    portMappings          = [{ containerPort = 8080, hostPort = 8080, protocol = "tcp" }]
    repositoryCredentials = { credentialsParameter = aws_secretsmanager_secret.pull.arn }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.api.name
        awslogs-region        = "eu-central-1"
        awslogs-stream-prefix = "api"
      }
    }
  }])
}

resource "aws_ecs_service" "api" {
  name                  = "api"
  cluster               = aws_ecs_cluster.stack.id
  task_definition       = aws_ecs_task_definition.api.arn
  desired_count         = 2
  launch_type           = "FARGATE"
  wait_for_steady_state = true

  network_configuration {
    subnets          = data.aws_subnets.default.ids
    security_groups  = [aws_security_group.api.id]
    assign_public_ip = true
  }

  # The first tasks pull with the secret, and the role has to be able to read it.
  depends_on = [
    aws_secretsmanager_secret_version.pull,
    aws_iam_role_policy.pull,
    aws_iam_role_policy_attachment.logs,
  ]
}

output "account" {
  value = data.aws_caller_identity.current.account_id
}
