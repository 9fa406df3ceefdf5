# Reference values of tests/methods/test_irtree.py: the "extreme" decisions of irtree_answers.csv as a logistic model
# with a random intercept per person, by Gauss-Hermite quadrature. Run with: Rscript tests/reference/irtree.R
# Made with R 4.2.2, ordinal 2022.11-16.
library(ordinal)
d <- read.csv("tests/reference/irtree_answers.csv", comment.char = "#")
d$person <- seq_len(nrow(d))
long <- reshape(d, direction = "long", varying = paste0("q", 1:5), v.names = "answer", timevar = "item", idvar = "person")
long <- long[long$answer != 3, ]
long$extreme <- factor(long$answer %in% c(1, 5))
long$item <- factor(long$item); long$person <- factor(long$person)
fit <- clmm(extreme ~ item + country + (1 | person), data = long, nAGQ = 31, link = "logit")
options(digits = 10)
print(logLik(fit)); print(coef(summary(fit))); print(fit$ST)
alone <- clmm(extreme ~ item + (1 | person), data = long, nAGQ = 31, link = "logit")
print(logLik(alone)); print(coef(summary(alone))); print(alone$ST)
