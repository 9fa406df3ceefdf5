# Reference values for propensity, representativity and discrimination, from the 600 made-up invitations of
# response_rows.csv (420 customers, 180 of them invited twice). Run in this folder:
#   Rscript response_rows.R > response_rows_expected.csv
# R 4.2.2, survey 4.1-1, pROC 1.18.0
suppressMessages({library(survey); library(pROC)})
d <- read.csv("response_rows.csv", stringsAsFactors = FALSE)
d$region <- relevel(factor(d$region), names(which.max(table(d$region))))
d$plan <- relevel(factor(d$plan), names(which.max(table(d$plan))))
out <- function(name, x) for (i in seq_along(x)) cat(sprintf("%s,%d,%.17g\n", name, i, x[i]))
cat("name,index,value\n")

# logistic regression: model-based, and design-based with weights and with customers or parts as clusters;
# coefficients: intercept, region e s w (n is the reference), plan family gold (basic is the reference)
f <- responded ~ region + plan
tight <- glm.control(epsilon = 1e-15, maxit = 100)
m <- glm(f, binomial, d, control = tight)
out("glm_coefficients", coef(m)); out("glm_covariance", vcov(m))
design <- function(id, w) svydesign(ids = id, weights = w, data = d)
svy <- function(name, id, w) {
  s <- svyglm(f, design(id, w), family = quasibinomial, control = tight)
  out(paste0(name, "_coefficients"), coef(s)); out(paste0(name, "_covariance"), vcov(s))
}
svy("weighted", ~1, ~weight); svy("customers", ~customer, ~1); svy("parts", ~part, ~1)
svy("weighted_customers", ~customer, ~weight)

# R-indicator at unit level, formulas of Shlomo, Skinner & Schouten (2012) as in the R package RISQ 2
prop <- fitted(m); n <- nrow(d); S <- vcov(m)
z <- prop * (1 - prop) * model.matrix(f, d)
s2 <- var(prop); lambda <- sum(apply(z, 1, function(r) t(r) %*% S %*% r))
tr <- function(a) sum(diag(a))
moments <- function(prop, z, S) {
  both <- cov.wt(cbind(prop, z), method = "ML")$cov
  A <- both[-1, 1]; B <- both[-1, -1]
  (4 * t(A) %*% S %*% A + 2 * tr(B %*% S %*% B %*% S)) / both[1, 1]
}
out("r_indicator", 1 - 2 * sqrt(s2)); out("bias_factor", (s2 - lambda / n) * (1 + 1 / n) / s2)
variance <- moments(prop, z, S)
out("r_indicator_se", sqrt(variance)); out("cv", sqrt(s2) / mean(prop))
out("cv_se", sqrt(variance / 4 / mean(prop)^2 + (sqrt(s2) / mean(prop))^4 / n))
for (v in c("region", "plan")) {
  g <- d[[v]]; other <- d[[setdiff(c("region", "plan"), v)]]
  labels <- sort(as.character(unique(g)))
  pu <- sapply(labels, function(h) sqrt(mean(g == h)) * (mean(prop[g == h]) - mean(prop)))
  within <- prop - ave(prop, other)
  pc <- sapply(labels, function(h) sqrt(sum(within[g == h]^2) / n))
  alone <- glm(reformulate(v, "responded"), binomial, d, control = tight)
  p1 <- fitted(alone)
  se <- sqrt(moments(p1, p1 * (1 - p1) * model.matrix(alone), vcov(alone))) / 2
  out(paste0(v, "_unconditional"), c(sqrt(sum(pu^2)), pu)); out(paste0(v, "_conditional"), c(sqrt(sum(pc^2)), pc))
  out(paste0(v, "_unconditional_se"), se)
  zw <- apply(z, 2, function(x) x - ave(x, other))
  pc_se <- sapply(labels, function(h) {
    i <- g == h; A <- t(zw[i, ]) %*% within[i]; B <- t(zw[i, ]) %*% zw[i, ]
    sqrt(0.25 * (4 * t(A) %*% S %*% A + 2 * tr(B %*% S %*% B %*% S)) / (n * sum(within[i]^2)))
  })
  out(paste0(v, "_conditional_se"), pc_se)
}

# AUC with ties: pROC, every row another customer
a <- roc(d$churned, d$nps, direction = ">", quiet = TRUE); b <- roc(d$churned, d$ces, direction = ">", quiet = TRUE)
out("auc", c(auc(a), auc(b))); out("auc_covariance", c(var(a), cov(a, b), var(b)))
out("auc_interval", c(ci(a)[c(1, 3)], ci(b)[c(1, 3)]))
paired <- roc.test(a, b, paired = TRUE, method = "delong", conf.level = 0.95)
out("auc_paired", c(paired$statistic, paired$p.value, paired$conf.int))
one <- d$wave == 1
g1 <- roc(d$churned[one], d$nps[one], direction = ">", quiet = TRUE)
g2 <- roc(d$churned[!one], d$nps[!one], direction = ">", quiet = TRUE)
unpaired <- roc.test(g1, g2, paired = FALSE, method = "delong")
out("auc_unpaired", c(unpaired$statistic, unpaired$parameter, unpaired$p.value))
out("auc_power", power.roc.test(ncases = 25, ncontrols = 60, auc = 0.65)$power)
