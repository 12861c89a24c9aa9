//! Every question has an answer that the truth bears out.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test may panic")]

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_question_is_answered_and_the_truth_bears_it_out() {
    let answers = example_questions::ask_everything(1).await.unwrap();
    let mut questions: Vec<&str> = answers.iter().map(|answer| answer.question).collect();
    questions.dedup();
    assert_eq!(questions.len(), 10, "{questions:?}");
    for answer in &answers {
        assert!(answer.is_near(), "{answer:?}");
    }
    let held = answers.iter().filter(|answer| answer.holds()).count();
    println!("{held} of {} intervals hold the truth", answers.len());
    assert!(held * 100 >= answers.len() * 85, "{held} of {}", answers.len());
}
