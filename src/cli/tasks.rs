//! `vernis tasks`

use std::path::PathBuf;

use clap::Args;

use super::args::{DeviceArgs, adapter};
use crate::base::error::shown;
use crate::run::shipped;
use crate::{Model, Result, TASKS};

#[derive(Debug, Args)]
pub struct TasksArgs {
    /// Only what this checkpoint can be told
    #[arg(value_name = "FILE|NAME")]
    model: Option<String>,
    /// With this low-rank adapter (PEFT) from a file of its own as a task; repeatable
    #[arg(long, value_name = "NAME=FILE", value_parser = adapter, requires = "model")]
    adapter: Vec<(String, PathBuf)>,
    #[command(flatten)]
    device: DeviceArgs,
}

pub fn run(args: &TasksArgs) -> Result<u8> {
    let directory = args.device.models()?;
    if let Some(name) = &args.model {
        let mut model = Model::from_dict(shipped::open(name, directory.as_deref())?, name)?;
        for (task, file) in &args.adapter {
            model = model.attach(task, file)?;
        }
        println!("{} ({})", shown(name), model.family());
        if let Some(drawing) = model.drawing() {
            super::show::drawing_tasks(&drawing.tasks);
            return Ok(0);
        }
        let tasks = model.tasks();
        let told = if model.chooses() { "trained for" } else { "--task" };
        for task in &tasks {
            let about = TASKS.iter().find(|t| t.name == task).map_or("", |t| t.about);
            println!(
                "  {told} {:<10} {about}",
                shown(&if task.contains(' ') { format!("'{task}'") } else { task.clone() })
            );
        }
        if model.blends() {
            println!("  --task {}=0.7,{}=0.3 and the like: blends", shown(&tasks[0]), shown(&tasks[tasks.len() - 1]));
        }
        println!("  it follows {}", shown(&model.follows()));
        if model.takes_pairs() {
            println!("  --prompt-pair BEFORE AFTER: any task shown by an example");
        }
        return Ok(0);
    }
    let open = |name| Model::from_dict(shipped::open(name, directory.as_deref())?, name);
    let models: Vec<Model> = shipped::NAMES.iter().filter_map(|name| open(name).ok()).collect();
    for task in TASKS {
        let able = || models.iter().filter(|m| m.can_do(task.name)).map(Model::name);
        let best = shipped::serving(task.name);
        let chosen: Vec<&str> = best.iter().copied().filter(|name| able().any(|a| a == *name)).collect();
        let other: Vec<&str> = able().filter(|name| !best.contains(name)).collect();
        let chosen = if chosen.is_empty() { "no shipped weights".to_owned() } else { chosen.join(", ") };
        let other = if other.is_empty() { String::new() } else { format!(" ({})", other.join(", ")) };
        println!("{:<10} {:<42} {chosen}{other}", task.name, task.about);
    }
    println!(
        "\nThe first of each line is picked for --task; those in brackets know the task and are not picked for it."
    );
    Ok(0)
}
