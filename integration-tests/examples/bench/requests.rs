//! The number of requests to AWS.

use std::collections::BTreeMap;

use longshore_model::StepPlan;

use crate::world::{Manners, World, since};

const MANNERS: Manners = Manners { latency_ms: 80, jitter_ms: 20, co_tenant_percent: 0, seed: 1 };

/// Deploys stacks of these sizes from nothing and plans them again. Returns true if the plans keep to the budget.
pub(crate) async fn run(sizes: &[usize]) -> bool {
    let sizes = if sizes.is_empty() { &[1, 10, 100, 1_000] } else { sizes };
    println!("Requests to AWS. The budget of an unchanged plan is N/10 + N/10 + N/100 + 12.\n");
    println!(
        "| services | unchanged plan | lower bound | budget | first deploy | resources | a resource | lower bound |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
    let mut within = true;
    let mut details = String::new();
    for &services in sizes {
        let world = World::new(services, MANNERS);
        let planned = world.plan().await;
        let resources = planned.values().filter(|plan| plan.is_change()).count();
        let before = world.cloud.calls();
        assert_eq!(world.deploy().await, 0);
        let deploy = since(&before, &world.cloud.calls());
        let before = world.cloud.calls();
        let again = world.plan().await;
        assert!(!again.values().any(StepPlan::is_change), "the stack is as declared");
        let plan = since(&before, &world.cloud.calls());
        let (plan_total, deploy_total) = (total(&plan), total(&deploy));
        // Compared without fractions: a hundred times both.
        let fits = 100 * plan_total <= (21 * services + 1200) as u64;
        within &= fits;
        println!(
            "| {services} | {plan_total}{} | {} | {:.1} | {deploy_total} | {resources} | {:.2} | {:.2} |",
            if fits { "" } else { " (over)" },
            least_to_know(services),
            services as f64 * 0.21 + 12.0,
            deploy_total as f64 / resources as f64,
            least_to_make(services, resources) as f64 / resources as f64,
        );
        details.push_str(&format!("\n{services} services, unchanged plan: {}\n", listed(&plan)));
        details.push_str(&format!("{services} services, first deploy:   {}\n", listed(&deploy)));
    }
    println!(
        "\nLower bounds: to know an unchanged stack, every service is described (ten a request), and the revision that it"
    );
    println!(
        "runs (twenty), every log group (fifty), and what the tags say is listed (a hundred resources a request; as many"
    );
    println!("revisions of task definitions that are not deregistered; a thousand roles, twice: what they");
    println!(
        "grant, and how they are set; a hundred secrets), and the values of the secrets are read (twenty). To make a stack, every resource takes one request,"
    );
    println!(
        "a role and a log group two (their policy, their retention), and every service is seen running (ten a request)."
    );
    println!("{details}");
    within
}

/// The least that tells whether a stack of so many services is as declared.
fn least_to_know(services: usize) -> usize {
    let described = services.div_ceil(10) + services.div_ceil(20) + services.div_ceil(100);
    let (groups, tagged) = (services.div_ceil(50), (2 * services + 1).div_ceil(100));
    // The roles, the cluster, the list of secrets, their values, the caller and the subnets.
    described + groups + tagged + 2 * services.div_ceil(1_000) + 5
}

/// The least that makes the resources of a stack from nothing, and sees its services run.
fn least_to_make(services: usize, resources: usize) -> usize {
    resources + 2 * services + services.div_ceil(10)
}

fn total(calls: &BTreeMap<String, u64>) -> u64 {
    calls.values().sum()
}

fn listed(calls: &BTreeMap<String, u64>) -> String {
    let mut calls: Vec<_> = calls.iter().collect();
    calls.sort_by_key(|(operation, count)| (std::cmp::Reverse(**count), (*operation).clone()));
    calls.iter().map(|(operation, count)| format!("{count} {operation}")).collect::<Vec<_>>().join(", ")
}
