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
  vpc_id      = aws_vpc.private.id

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

# A network of its own, as stacks on private subnets have it: tasks reach registries through a NAT gateway, and services of
# AWS through endpoints.

resource "aws_vpc" "private" {
  cidr_block           = "10.20.0.0/16"
  enable_dns_hostnames = true
}

resource "aws_internet_gateway" "private" {
  vpc_id = aws_vpc.private.id
}

resource "aws_subnet" "public" {
  vpc_id                  = aws_vpc.private.id
  cidr_block              = "10.20.0.0/24"
  availability_zone       = "eu-central-1a"
  map_public_ip_on_launch = true
}

resource "aws_subnet" "private" {
  count             = 2
  vpc_id            = aws_vpc.private.id
  cidr_block        = "10.20.${count.index + 1}.0/24"
  availability_zone = ["eu-central-1a", "eu-central-1b"][count.index]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.private.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.private.id
  }
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.private.id
}

resource "aws_route_table_association" "public" {
  subnet_id      = aws_subnet.public.id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table_association" "private" {
  count          = 2
  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private.id
}

resource "aws_eip" "nat" {
  domain = "vpc"
}

resource "aws_nat_gateway" "private" {
  allocation_id = aws_eip.nat.id
  subnet_id     = aws_subnet.public.id
  depends_on    = [aws_internet_gateway.private]
}

resource "aws_route" "private" {
  route_table_id         = aws_route_table.private.id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.private.id
}

resource "aws_security_group" "endpoints" {
  name        = "terraform-endpoints"
  description = "Endpoints"
  vpc_id      = aws_vpc.private.id

  ingress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = [aws_vpc.private.cidr_block]
  }
}

resource "aws_vpc_endpoint" "secrets" {
  vpc_id              = aws_vpc.private.id
  service_name        = "com.amazonaws.eu-central-1.secretsmanager"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = aws_subnet.private[*].id
  security_group_ids  = [aws_security_group.endpoints.id]
  private_dns_enabled = true
}

resource "aws_vpc_endpoint" "bucket" {
  vpc_id          = aws_vpc.private.id
  service_name    = "com.amazonaws.eu-central-1.s3"
  route_table_ids = [aws_route_table.private.id]
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
    subnets         = aws_subnet.private[*].id
    security_groups = [aws_security_group.api.id]
  }

  # The first tasks pull with the secret, which the role has to be able to read, and through the NAT gateway.
  depends_on = [
    aws_route.private,
    aws_route_table_association.private,
    aws_vpc_endpoint.secrets,
    aws_secretsmanager_secret_version.pull,
    aws_iam_role_policy.pull,
    aws_iam_role_policy_attachment.logs,
  ]
}

output "account" {
  value = data.aws_caller_identity.current.account_id
}

output "default_subnets" {
  value = data.aws_subnets.default.ids
}
