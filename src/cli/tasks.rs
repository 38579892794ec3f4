//! `vernis tasks`

use std::path::PathBuf;

use clap::Args;

use super::args::{DeviceArgs, adapter};
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
    let directory = args.device.models();
    if let Some(name) = &args.model {
        let mut model = Model::from_dict(shipped::open(name, directory.as_deref())?, name)?;
        for (task, file) in &args.adapter {
            model = model.attach(task, file)?;
        }
        println!("{name} ({})", model.family());
        if let Some(drawing) = model.drawing() {
            super::show::drawing_tasks(&drawing.tasks);
            return Ok(0);
        }
        let tasks = model.tasks();
        let told = if model.chooses() { "trained for" } else { "--task" };
        for task in &tasks {
            let about = TASKS.iter().find(|t| t.name == task).map_or("", |t| t.about);
            println!("  {told} {:<10} {about}", if task.contains(' ') { format!("'{task}'") } else { task.clone() });
        }
        if model.blends() {
            println!("  --task {}=0.7,{}=0.3 and the like: blends", tasks[0], tasks[tasks.len() - 1]);
        }
        println!("  it follows {}", model.follows());
        if model.takes_pairs() {
            println!("  --prompt-pair BEFORE AFTER: any task shown by an example");
        }
        return Ok(0);
    }
    for task in TASKS {
        let able: Vec<&str> = shipped::serving(task.name)
            .iter()
            .copied()
            .filter(|name| {
                shipped::open(name, directory.as_deref())
                    .and_then(|d| Model::from_dict(d, name))
                    .is_ok_and(|m| m.can_do(task.name))
            })
            .collect();
        let able = if able.is_empty() { "no shipped weights".to_owned() } else { able.join(", ") };
        println!("{:<10} {:<42} {able}", task.name, task.about);
    }
    Ok(0)
}
