//! Prints every question with its answer and the truth.

use anyhow::{Context as _, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let seed = match std::env::args().nth(1) {
        Some(text) => text.parse().context("the seed is a number")?,
        None => 1,
    };
    let mut asked = "";
    for answer in example_questions::ask_everything(seed).await? {
        if answer.question != asked {
            println!("\n{}", answer.question);
            asked = answer.question;
        }
        let miss = if answer.holds() { "" } else { "   interval misses the truth" };
        match answer.found {
            Some([value, low, high]) => println!(
                "  {:<34} {value:>10.3}   {low:>10.3} … {high:<10.3} truth {:>10.3}{miss}",
                answer.about, answer.truth
            ),
            None => println!("  {:<34} not estimable", answer.about),
        }
    }
    Ok(())
}
